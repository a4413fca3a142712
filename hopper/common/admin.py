"""The bases of every admin, and the API keys."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from hopper.common import keys
from hopper.common.errors import HopperError, Invalid
from hopper.common.models import ApiKey


class OperatedForm(forms.ModelForm):
    """A form whose last step of validation is the operation itself, so that a refusal keeps what was typed."""

    operate: Callable[["OperatedForm"], models.Model]

    def _post_clean(self) -> None:
        super()._post_clean()
        if self.errors:
            return
        try:
            self.instance = self.operate()
        except Invalid as error:
            for field, texts in error.errors.items():
                self.add_error(field if field in self.fields else None, texts)
        except HopperError as error:
            self.add_error(error.field if error.field in self.fields else None, error.message)

    def save(self, commit: bool = True) -> models.Model:
        self.save_m2m = lambda: None
        return self.instance


class OperatedAdmin(ModelAdmin):
    """Writes by operations: `create_row(**fields)`, `change_row(row, **changes)`, `delete_row(row)`."""

    form = OperatedForm
    list_per_page = 50
    show_full_result_count = False

    def create_row(self, *, actor: str, **fields: Any) -> models.Model:
        raise PermissionError("This admin adds no rows.")

    def change_row(self, row: models.Model, *, actor: str, **changes: Any) -> models.Model:
        raise PermissionError("This admin changes no rows.")

    def delete_row(self, row: models.Model, *, actor: str) -> None:
        raise PermissionError("This admin deletes no rows.")

    def get_form(
        self, request: HttpRequest, obj: models.Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        actor = request.user.get_username()

        def operate(bound: OperatedForm) -> models.Model:
            if obj is None:
                return self.create_row(actor=actor, **bound.cleaned_data)
            changes = {name: bound.cleaned_data[name] for name in bound.changed_data}
            return self.change_row(obj, actor=actor, **changes) if changes else obj

        return type(form.__name__, (form,), {"operate": operate})

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        """Do nothing: the form has called the operation already."""

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        self.delete_row(obj, actor=request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self.act(request, queryset, lambda row: self.delete_row(row, actor=request.user.get_username()))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except HopperError as error:
            self.message_user(request, error.message, messages.ERROR)
            return self._response_post_save(request, self.get_object(request, object_id))

    def act(self, request: HttpRequest, rows: Any, operation: Callable[[Any], Any]) -> int:
        """Call the operation on each row, show each refusal as a message, and return how many went well."""
        done = 0
        for row in rows:
            try:
                operation(row)
                done += 1
            except HopperError as error:
                self.message_user(request, f"{row}: {error.message}", messages.ERROR)
        return done


class ReadOnlyAdmin(ModelAdmin):
    """Rows to look at."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(OperatedAdmin):
    """Make, limit and revoke keys; a key's text is shown once, right after it was made."""

    list_display = ["name", "role", "prefix", "owner", "expires_at", "last_used_at", "revoked_at"]
    list_filter = ["role"]
    search_fields = ["name", "prefix", "owner"]
    readonly_fields = ["prefix", "last_used_at", "revoked_at", "created_at", "version"]
    ordering = ["-created_at", "-pk"]
    actions = ["revoke"]

    def create_row(self, *, actor: str, expires_at: Any = None, **fields: Any) -> ApiKey:
        if expires_at:
            fields["expires_at"] = expires_at
        key, text = keys.create_key(**{**fields, "owner": fields.get("owner") or actor})
        key.text = text  # type: ignore[attr-defined] - shown by save_model, stored nowhere
        return key

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            self.message_user(request, f"The key, shown only now: {obj.text}", messages.WARNING)

    def change_row(self, row: ApiKey, *, actor: str, **changes: Any) -> ApiKey:
        return keys.change_key(key=row, **changes)

    def delete_row(self, row: ApiKey, *, actor: str) -> None:
        row.delete()

    @admin.action(description="Revoke selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        done = self.act(request, queryset, lambda key: keys.revoke_key(key=key))
        self.message_user(request, f"{done} keys revoked.")
