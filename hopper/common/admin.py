"""The bases of every admin, the API keys, and Django's own users and groups in our looks."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from hopper.common import keys
from hopper.common.errors import HopperError, Invalid
from hopper.common.forms import options_for
from hopper.common.models import ApiKey, Versioned

ACRONYMS = re.compile(r"\b(api|id|sla|url)\b", re.IGNORECASE)


def percent(share: float | None) -> str | None:
    """Return the share as people read it: 0.8428 is 84 %."""
    return None if share is None else f"{share:.0%}".replace("%", "\u202f%")


def link_to(row: models.Model | None) -> SafeString | None:
    """Return a link to the row's own page in the admin."""
    return None if row is None else link_to_key(row._meta.label_lower, row.pk, str(row))


def link_to_key(label: str, key: Any, text: str) -> SafeString:
    """Return a link to the page of a row that need not be read: `label` is its model's, like `tasks.task`."""
    url = reverse(f"admin:{label.replace('.', '_')}_change", args=[quote(key)])
    return format_html('<a class="hopper-link" href="{}">{}</a>', url, text)


SEEN = "seen_version"


class OperatedForm(forms.ModelForm):
    """A form whose last step of validation is the operation itself, so that a refusal keeps what was typed.

    It carries the version that the person sees, so that what somebody else has saved meanwhile is not overwritten.
    """

    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    operate: Callable[[], models.Model]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial[SEEN] = getattr(self.instance, "version", None)

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, missing in the stubs
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
        return self.instance

    def save_m2m(self) -> None:
        """Do nothing: the operation has stored everything already."""


class ActingAdmin(ModelAdmin):
    """Calls operations on the rows that were ticked in a list."""

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


class OperatedAdmin(ActingAdmin):
    """Writes by operations: `create_row(**fields)`, `change_row(row, **changes)`, `delete_row(row)`."""

    form = OperatedForm
    change_form_before_template = "admin/seen_version.html"
    list_per_page = 50
    show_full_result_count = False
    text_lists: Sequence[str] = ()
    help_texts: Mapping[str, str] = {}

    def create_row(self, *args: Any, **fields: Any) -> models.Model:
        raise PermissionError("This admin adds no rows.")

    def change_row(self, row: Any, *, actor: str, **changes: Any) -> models.Model:
        raise PermissionError("This admin changes no rows.")

    def delete_row(self, row: Any, *, actor: str) -> None:
        raise PermissionError("This admin deletes no rows.")

    def get_form(
        self, request: HttpRequest, obj: models.Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **{"help_texts": self.help_texts, **kwargs})
        actor = request.user.get_username()

        def operate(bound: OperatedForm) -> models.Model:
            seen = bound.cleaned_data.pop(SEEN)
            if obj is None:
                return self.create_row(actor=actor, **bound.cleaned_data)
            changes = {name: bound.cleaned_data[name] for name in bound.changed_data if name != SEEN}
            if isinstance(obj, Versioned) and seen is not None:
                obj.wanted_versions = (seen,)
            return self.change_row(obj, actor=actor, **changes) if changes else obj

        return type(form.__name__, (form,), {"operate": operate})

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        return [name for name in super().get_fields(request, obj) if name != SEEN]

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        """Leave out of the add form what only Hopper fills in."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None:
            return fieldsets
        hidden = set(self.get_readonly_fields(request))
        shown = [
            (title, {**options, "fields": [name for name in options["fields"] if name not in hidden]})
            for title, options in fieldsets
        ]
        return [(title, options) for title, options in shown if options["fields"]]

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> Any:
        options = options_for(db_field, text_lists=self.text_lists)
        field = super().formfield_for_dbfield(db_field, request, **{**options, **kwargs})
        if field is not None and field.label:
            field.label = ACRONYMS.sub(lambda found: found[0].upper(), str(field.label))
        return field

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        """Do nothing: the form has called the operation already."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Let rows that nobody edits go with the row they belong to; the operation has the last word."""
        found, counts, needed, protected = super().get_deleted_objects(objs, request)
        looked_at = {model for model, page in self.admin_site._registry.items() if isinstance(page, ReadOnlyAdmin)}
        return found, counts, set(needed) - {model._meta.verbose_name for model in looked_at}, protected

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


class ReadOnlyAdmin(ActingAdmin):
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

    list_display = ["name", "role", "prefix", "owner", "state", "expires_at", "last_used_at"]
    list_filter = ["role"]
    search_fields = ["name", "prefix", "owner"]
    readonly_fields = ["prefix", "last_used_at", "revoked_at", "created_at", "version"]
    ordering = ["-created_at", "-pk"]
    actions = ["revoke"]
    text_lists = ["instances", "projects", "networks"]
    help_texts = {
        "owner": "Empty: you.",
        "networks": "Networks it may come from, like 10.0.0.0/8; empty means any.",
        "expires_at": "Empty: 90 days from now.",
    }

    @display(description="State", label={"valid": "success", "expired": "warning", "revoked": "danger"})
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return "revoked"
        return "expired" if key.expires_at and key.expires_at <= timezone.now() else "valid"

    def create_row(self, *, actor: str, expires_at: Any = None, **fields: Any) -> ApiKey:
        if expires_at:
            fields["expires_at"] = expires_at
        key, text = keys.create_key(**{**fields, "owner": fields.get("owner") or actor})
        key.text = text  # type: ignore[attr-defined]  # shown by save_model, stored nowhere
        return key

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            self.message_user(request, f"The key, shown only now: {obj.text}", messages.WARNING)

    def change_row(self, row: ApiKey, *, actor: str, **changes: Any) -> ApiKey:
        return keys.change_key(key=row, **changes)

    def delete_row(self, row: ApiKey, *, actor: str) -> None:
        keys.delete_key(key=row)

    @admin.action(description="Revoke selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        done = self.act(request, queryset, lambda key: keys.revoke_key(key=key))
        self.message_user(request, f"{done} keys revoked.")


admin.site.unregister([User, Group])


@admin.register(User)
class PeopleAdmin(UserAdmin, ModelAdmin):
    """Who may sign in, and what they may do."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class TeamAdmin(GroupAdmin, ModelAdmin):
    """Permissions that several people share."""
