"""Deny unless declared: a view names the role each of its actions needs."""

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from hopper.common.models import Role
from hopper.common.rest.principals import principal_of


class DenyUnlessDeclared(BasePermission):
    """Allows an action only to the role that the view's `access` table names for it."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if view.action is None and request.user is not None:
            raise MethodNotAllowed(str(request.method))
        needed: Role | None = getattr(view, "access", {}).get(view.action)
        if request.user is None or needed is None:
            return False
        principal = principal_of(request)
        self.message = f"This needs the role {needed.value}; yours is {principal.role.value}."
        return principal.may(needed)
