"""The shape of every door of the API: scoped rows in, one operation call, a row out."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model, QuerySet
from django.http import Http404
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from hopper.common.models import Role
from hopper.common.rest.principals import Principal, principal_of
from hopper.common.rest.safety import SafeWrites
from hopper.common.rest.serializers import KnownRowField, StrictSerializer

READ_ACCESS = {"list": Role.VIEWER, "retrieve": Role.VIEWER}
CHANGE_ACCESS = {**READ_ACCESS} | dict.fromkeys(("create", "update", "partial_update", "destroy"), Role.OPERATOR)


class ScopedViewSet(SafeWrites):
    """Rows that the principal may see; what it may not see does not exist."""

    access: ClassVar[dict[str, Role]] = READ_ACCESS
    orderings: ClassVar[dict[str, Any]] = {"created_at": "created_at"}
    default_ordering = "-created_at"
    lookup_value_regex = "[^/]+"

    @property
    def input_class(self) -> type[StrictSerializer]:
        """Return the serializer that knows the names a client writes."""
        return getattr(self, "write_serializer_class", StrictSerializer)

    @property
    def principal(self) -> Principal:
        return principal_of(self.request)

    @property
    def actor(self) -> str:
        return self.principal.get_username()

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        return rows.for_principal(self.principal)

    def pages(self, rows: QuerySet) -> Response:
        """Answer with one page of the rows."""
        shown = self.list_serializer_class or self.serializer_class
        return self.get_paginated_response(shown.show_all(map(self.told, self.paginate_queryset(rows) or ())))

    def shown(self, row: Any) -> dict[str, Any]:
        """Return the row as a client sees it."""
        found: dict[str, Any] = self.serializer_class.show(self.told(row))
        return found

    def told(self, row: Any) -> Any:
        """Return the row with so much of it as the principal may be told; it is not to be saved."""
        return row

    def get_serializer_class(self) -> type[BaseSerializer]:
        if self.action == "list" and self.list_serializer_class:
            return self.list_serializer_class
        return super().get_serializer_class()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if any("\x00" in part for part in kwargs.values()):
            raise Http404  # no database can even be asked

    def flag(self, name: str, *, default: bool) -> bool:
        """Return what `?name=true` or `=false` says."""
        word = self.request.query_params.get(name)
        if word not in (None, "true", "false"):
            raise ValidationError({name: ["Send true or false."]})
        return default if word is None else word == "true"

    def seen(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return the input unchanged; what the principal may not see cannot be named either.

        :raises ValidationError: naming the field, in the words for a row that is not there
        """
        who = self.principal
        named = {name: row for name, row in fields.items() if isinstance(row, Model)} if who.is_limited else {}
        for name, row in named.items():
            rows: Any = type(row)._default_manager
            if not rows.for_principal(who).filter(pk=row.pk).exists():
                raise ValidationError(self.input_class.client_names({name: [KnownRowField.missing(row.pk)]}))
        return fields

    def get_object(self) -> Any:
        """Return the row that the address names, whatever the list filters say."""
        key = str(self.kwargs[self.lookup_url_kwarg or self.lookup_field])
        try:
            return self.get_queryset().get(pk=key)
        except (ObjectDoesNotExist, ValueError) as error:  # a word for a number
            raise Http404 from error


class ReadViewSet(ScopedViewSet):
    """Rows that nobody writes through the API."""

    def list(self, request: Request, **kwargs: Any) -> Response:
        return self.pages(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        return Response(self.shown(self.get_object()))


class ChangedViewSet(ReadViewSet):
    """Rows that are changed by operations, `change_row` and `delete_row`, and made at doors of their own."""

    access = CHANGE_ACCESS
    conditional: ClassVar[tuple[str, ...]] = ("update", "partial_update", "destroy")
    write_serializer_class: type[StrictSerializer]
    change_row: Callable[..., Any]
    delete_row: Callable[..., Any]
    row_name: str

    def get_serializer_class(self) -> type[BaseSerializer]:
        if self.action in ("create", "update", "partial_update"):
            return self.write_serializer_class
        return super().get_serializer_class()

    def read(self, row: Any) -> Any:
        """Return the row, as it now stands, as a client sees it."""
        fresh = self.get_queryset().filter(pk=row.pk).first() or row
        return self.shown(fresh)

    def update(self, request: Request, *, partial: bool = False, **kwargs: Any) -> Response:
        row = self.matching(self.get_object())
        changes = self.checked(request, row, partial=partial)
        return Response(self.read(self.change_row(**{self.row_name: row}, actor=self.actor, **changes)))

    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        return self.update(request, partial=True, **kwargs)

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        self.delete_row(**{self.row_name: self.matching(self.get_object())}, actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def checked(self, request: Request, row: Any = None, *, partial: bool = False) -> dict[str, Any]:
        """Return the validated input.

        :raises ValidationError: naming each field that is wrong
        """
        return self.seen(self.write_serializer_class.checked(request.data, row, partial=partial))


class OperatedViewSet(ChangedViewSet):
    """Rows that are made here too, by `create_row`."""

    create_row: Callable[..., Any]

    def create(self, request: Request, **kwargs: Any) -> Response:
        row = self.create_row(actor=self.actor, **self.checked(request))
        return Response(
            self.read(row), status=status.HTTP_201_CREATED, headers={"Location": f"{request.path.rstrip('/')}/{row.pk}"}
        )
