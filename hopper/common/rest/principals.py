"""Who is asking: one shape for an API key and for a signed-in person."""

from dataclasses import dataclass
from typing import Any, cast

from rest_framework.request import Request

from hopper.common.models import ApiKey, Role


@dataclass(frozen=True)
class Principal:
    """Who is asking, what they may do, and which branches and projects they may see (empty: all)."""

    name: str
    role: Role
    instances: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    is_person: bool = False
    id: str = ""  # of the key or the person; names may repeat

    is_authenticated = True
    is_active = True

    @classmethod
    def of_key(cls, key: ApiKey) -> "Principal":
        return cls(key.name, Role(key.role), tuple(key.instances), tuple(key.projects), id=f"key:{key.pk}")

    @classmethod
    def of_user(cls, user: Any) -> "Principal":
        role = Role.ADMINISTRATOR if user.is_superuser else Role.OPERATOR if user.is_staff else Role.VIEWER
        return cls(user.get_username(), role, is_person=True, id=f"user:{user.pk}")

    @property
    def is_limited(self) -> bool:
        """Tell whether this principal sees only some branches or projects."""
        return bool(self.instances or self.projects)

    def may(self, role: Role) -> bool:
        """Tell whether this principal's role includes `role`."""
        return self.role.rank >= role.rank

    def get_username(self) -> str:
        return self.name


def principal_of(request: Request) -> Principal:
    """Return who sent the request; our authentication gives no other kind of user."""
    return cast(Principal, request.user)


def holder(principal: Principal, label: str | None) -> str:
    """Return the name that a lease of the principal bears, with the label of the executor that it speaks for."""
    return f"{principal.get_username()}/{label}" if label else principal.get_username()
