"""Errors out: RFC 9457 problem documents, and the schema that promises them."""

from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, RequestDataTooBig, ValidationError
from django.db import IntegrityError
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.openapi import AutoSchema as PlainAutoSchema
from drf_spectacular.utils import OpenApiParameter
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.openapi import AutoSchema
from drf_standardized_errors.types import ErrorResponse
from rest_framework import exceptions, serializers
from rest_framework.response import Response

from hopper.common.db.failures import passing_failure
from hopper.common.errors import HopperError, Invalid, Stale
from hopper.common.rest.parsers import BodyTooLarge

MEDIA_TYPE = "application/problem+json"
WHOLE_BODY = "non_field_errors"


class Refusal(exceptions.APIException):
    """A HopperError on its way out."""

    def __init__(self, error: HopperError, headers: dict[str, str] | None = None) -> None:
        self.status_code = error.status
        self.context = error.context
        self.wait = error.retry_after
        self.headers = headers or {}
        super().__init__(error.message, error.code)


class ProblemHandler(ExceptionHandler):
    """Turns every exception of a view into a problem document."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        match exc:
            case Invalid():
                view: Any = self.context.get("view")
                errors = view.input_class.client_names(exc.errors) if hasattr(view, "input_class") else exc.errors
                return exceptions.ValidationError(
                    {WHOLE_BODY if name == NON_FIELD_ERRORS else name: texts for name, texts in errors.items()}
                )
            case HopperError(status=400):
                return exceptions.ValidationError({exc.field or WHOLE_BODY: [exc.message]}, code=exc.code)
            case Stale():
                door: Any = self.context["view"]
                return Refusal(exc, {"ETag": door.tag_of(exc.row)})
            case HopperError():
                return Refusal(exc)
            case ValidationError():
                return exceptions.ValidationError({WHOLE_BODY: exc.messages})
            case IntegrityError():
                return Refusal(HopperError("Another row holds this place already: read it and change that."))
            case _ if failure := passing_failure(exc):
                return Refusal(failure)
            case RequestDataTooBig():
                return BodyTooLarge("The body is too large: send less at a time.")
            case Http404():
                return exceptions.NotFound("There is nothing at this address that you may see.")
            case _:
                return super().convert_known_exceptions(exc)

    def get_headers(self, exc: exceptions.APIException) -> dict[str, str]:
        return super().get_headers(exc) | getattr(exc, "headers", {})

    def get_response(self, exc: exceptions.APIException, data: Any) -> Response:
        response = Response(data, status=exc.status_code, headers=self.get_headers(exc))
        response.content_type = MEDIA_TYPE
        return response


class ProblemFormatter(ExceptionFormatter):
    """Shapes the document: type, title, status, detail, code, and errors by field for invalid input."""

    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        first = error_response.errors[0]
        status = self.exc.status_code
        code = first.code or "invalid"
        document: dict[str, Any] = {
            "type": f"urn:hopper:problem:{code}",
            "title": TITLES.get(status, "Refused"),
            "status": status,
            "detail": first.detail,
            "code": code,
        }
        if status == exceptions.ValidationError.status_code and not isinstance(self.exc, exceptions.ParseError):
            fields: dict[str, list[str]] = {}
            for error in error_response.errors:
                fields.setdefault(error.attr or WHOLE_BODY, []).append(error.detail)
            where = f"{first.attr}: " if first.attr and first.attr != WHOLE_BODY else ""
            document |= {"detail": where + first.detail, "errors": fields}
        return getattr(self.exc, "context", {}) | document


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER,
    description="Up to 255 printable characters, made anew for each thing you want done: sent again within 24 hours "
    "nothing is done twice, and the answer has `Idempotent-Replayed: true`.",
)  # fmt: skip
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True,
    description="The ETag of what you have read; operators may send `*` for whatever is there.",
)  # fmt: skip
TITLES = {
    400: "Invalid input", 401: "Not signed in", 403: "Not allowed", 404: "Not found", 405: "Method not allowed",
    406: "Not acceptable", 409: "Conflict with the current state", 412: "Changed meanwhile",
    413: "Body too large", 415: "Unsupported media type", 422: "Key used before", 428: "Version not named",
    429: "Too many requests", 500: "Server error", 503: "Not available now",
}  # fmt: skip


class ProblemSerializer(serializers.Serializer):
    """RFC 9457 problem document."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors = serializers.DictField(  # type: ignore[assignment]  # a field that is called like a property of DRF's
        child=serializers.ListField(child=serializers.CharField()), required=False
    )


class ProblemSchema(AutoSchema):
    """Documents each 4xx as a problem document, and the headers that make a write safe."""

    view: Any

    def get_override_parameters(self) -> list[Any]:
        found = super().get_override_parameters()
        return [*found, *(header for header in (IDEMPOTENCY_KEY, IF_MATCH) if self._asks_for(header))]

    def _asks_for(self, header: OpenApiParameter) -> bool:
        if header is IF_MATCH:
            return self.view.action in getattr(self.view, "conditional", ())
        return self.method == "POST" and getattr(self.view, "only_reads", True) is False

    def _should_add_error_response(self, responses: Any, status_code: str) -> bool:
        needed = {"412": IF_MATCH, "422": IDEMPOTENCY_KEY, "428": IF_MATCH}.get(status_code)
        return super()._should_add_error_response(responses, status_code) and (not needed or self._asks_for(needed))

    def _get_response_for_code(self, serializer: Any, status_code: str, *args: Any, **kwargs: Any) -> Any:
        if status_code[0] in "45":
            kwargs["media_types"] = [MEDIA_TYPE]
        return PlainAutoSchema._get_response_for_code(self, serializer, status_code, *args, **kwargs)

    def _get_error_response_examples(self, *args: Any, **kwargs: Any) -> list[Any]:
        return []


def problem_response(status: int, code: str, detail: str) -> JsonResponse:
    """Return a problem document from outside a DRF view (unknown address, unhandled failure)."""
    body = {
        "type": f"urn:hopper:problem:{code}", "title": TITLES[status], "status": status, "detail": detail, "code": code,
    }  # fmt: skip
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)


@csrf_exempt
def not_found(request: HttpRequest) -> JsonResponse:
    """Answer for an API address that does not exist."""
    return problem_response(404, "not_found", f"There is no {request.path}: /api/docs/ lists every address.")
