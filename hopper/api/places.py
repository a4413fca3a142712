"""Reading the place that a person names: a project by name or slug, an instance by id or name."""

from typing import Any

from django.db.models import Q
from rest_framework.exceptions import ValidationError

from hopper.common.rest.principals import Principal
from instances.models import Instance
from projects.models import Project


def named_place(names: dict[str, Any], principal: Principal) -> dict[str, Any]:
    """Return `{"project": row or None, "instance": row or None}`, as far as the principal may see them.

    :raises ValidationError: naming the one that is not there
    """
    return {
        "project": named_project(names.get("project"), principal),
        "instance": named_instance(names.get("instance"), principal),
    }


def projects_seen_by(principal: Principal) -> frozenset[str] | None:
    """Return the keys of the projects that the principal may be told of, or None for all."""
    if not principal.is_limited:
        return None
    return frozenset(Project.objects.for_principal(principal).values_list("pk", flat=True))


def named_instance(name: str | None, principal: Principal, *, field: str = "instance") -> Any:
    """Return the instance of that id or name, as far as the principal may see it, or None if none is named.

    :raises ValidationError: naming the field, if it is not there
    """
    return _find(Instance, name, field, principal, "name")


def named_project(name: str | None, principal: Principal, *, field: str = "project") -> Any:
    """Return the project of that name or slug, as far as the principal may see it, or None if none is named.

    :raises ValidationError: naming the field, if it is not there
    """
    return _find(Project, name, field, principal, "slug")


def _find(model: Any, name: str | None, field: str, principal: Principal, other: str) -> Any:
    if not name:
        return None
    found = model.objects.for_principal(principal).filter(Q(pk=name) | Q(**{other: name}))[:2]
    if len(found) != 1:
        what, kind = "several called" if found else "no", model._meta.verbose_name
        raise ValidationError({field: [f"There is {what} {kind} {name[:60]!r}: give its {model._meta.pk.name}."]})
    return found[0]
