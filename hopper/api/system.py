"""What Hopper says of itself."""

from typing import Any, ClassVar

import django
from django.conf import settings
from django.http import JsonResponse
from drf_spectacular.utils import extend_schema
from health_check.views import HealthCheckView
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from hopper import __version__
from hopper.common.db.info import database_kind, server_version
from hopper.common.models import Role


class Health(HealthCheckView):
    """Liveness and readiness: `{"status": "ok", "database": "ok"}`, 503 when something does not answer."""

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> JsonResponse:
        found = {type(result.check).__name__.lower(): bool(result.error) for result in self.results}
        words = {name: "unavailable" if failed else "ok" for name, failed in found.items()}
        failed = any(found.values())
        return JsonResponse({"status": "unavailable" if failed else "ok", **words}, status=503 if failed else 200)


class SystemViewSet(GenericViewSet):
    """Versions and kinds, no secrets."""

    access: ClassVar = {"info": Role.VIEWER}

    @extend_schema(request=None, responses={200: {"type": "object", "additionalProperties": {"type": "string"}}})
    @action(detail=False)
    def info(self, request: Request) -> Response:
        """Show the versions and the kind of database."""
        return Response({
            "version": __version__, "django": django.get_version(), "database": database_kind(),
            "database_version": server_version(), "broker": "redis" if settings.REDIS_URL else "none",
        })  # fmt: skip
