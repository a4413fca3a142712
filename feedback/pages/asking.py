"""Who asks, and what they sent."""

from typing import Any

from django.http import HttpRequest

from hopper.common.rest.principals import Principal
from tasks.models import Task


def seen(request: HttpRequest) -> Any:
    """Return the tasks that the person may see."""
    return Task.objects.for_principal(Principal.of_user(request.user))


def given(request: HttpRequest, name: str) -> str:
    """Return what a form sent under the name."""
    return request.POST.get(name, "").replace("\x00", "")  # PostgreSQL takes no NUL, not even to look for
