"""Every door of the API says who may pass: deny unless declared, and nothing is forgotten."""

from django.urls import URLPattern, get_resolver, path
from rest_framework import viewsets
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView

from hopper.common.models import Role
from hopper.common.rest.permissions import DenyUnlessDeclared

OPEN = {"schema", "docs"}  # they describe the API and hold no rows


def doors(patterns, prefix=""):
    """Yield `(address, pattern)` of every view that DRF serves."""
    for pattern in patterns:
        address = prefix + str(pattern.pattern)
        if not isinstance(pattern, URLPattern):
            yield from doors(pattern.url_patterns, address)
        elif hasattr(pattern.callback, "cls") and issubclass(pattern.callback.cls, APIView):
            yield address, pattern


def unguarded(patterns):
    """Return the names of the doors that ask nobody for a role."""
    return {pattern.name for _, pattern in doors(patterns) if not is_guarded(pattern.callback)}


def is_guarded(view):
    return DenyUnlessDeclared in view.initkwargs.get("permission_classes", view.cls.permission_classes)


def roleless(patterns):
    """Return each method of a guarded door whose action names no role."""
    return [
        f"{method.upper()} {address}: {action} names no role"
        for address, pattern in doors(patterns)
        if is_guarded(pattern.callback)
        for method, action in actions_of(pattern.callback).items()
        if not isinstance(getattr(pattern.callback.cls, "access", {}).get(action), Role)
    ]


def actions_of(view):
    """Return `{method: action}`; a plain view has no actions, so each of its methods lacks a role."""
    methods = {method: method for method in view.cls.http_method_names if hasattr(view.cls, method)}
    return getattr(view, "actions", None) or methods


class TestEveryDoor:
    """The addresses as they are served."""

    def test_names_a_role_for_every_method(self):
        patterns = get_resolver().url_patterns

        assert len(list(doors(patterns))) > len(OPEN)
        assert roleless(patterns) == []

    def test_asks_for_a_role_except_the_two_that_describe_the_api(self):
        assert unguarded(get_resolver().url_patterns) == OPEN

    def test_declares_no_role_for_an_action_that_is_not_served(self):
        served = {}
        for _, pattern in doors(get_resolver().url_patterns):
            served.setdefault(pattern.callback.cls, set()).update(actions_of(pattern.callback).values())

        stale = {
            f"{view.__name__}.{name}" for view in served for name in set(getattr(view, "access", {})) - served[view]
        }
        assert stale == set()


class Forgetful(viewsets.ViewSet):
    """Declares who may list, and forgets who may create."""

    access = {"list": Role.VIEWER}

    def list(self, request):
        """Stay declared."""

    def create(self, request):
        """Stay forgotten."""


class TestTheWalk:
    """Shown on purpose doors that are left open."""

    def test_finds_a_method_without_a_role(self):
        router = SimpleRouter()
        router.register("things", Forgetful, basename="thing")

        assert roleless(router.urls) == ["POST ^things/$: create names no role"]

    def test_finds_a_door_that_asks_nobody(self):
        opened = path("things", Forgetful.as_view({"get": "list"}, permission_classes=[]), name="things")

        assert unguarded([opened]) == {"things"}

    def test_finds_a_plain_view(self):
        class Plain(APIView):
            def get(self, request):
                """Stay forgotten."""

        patterns = [path("plain", Plain.as_view(), name="plain")]
        assert "GET plain: get names no role" in roleless(patterns)
