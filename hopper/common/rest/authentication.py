"""Signing in: API key first (it makes the 401), then the browser's session."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from hopper.common.keys import find_key
from hopper.common.rest.principals import Principal


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer hop_<prefix>.<secret>`."""

    def authenticate(self, request: Request) -> tuple[Principal, Any] | None:
        scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        key = find_key(text.strip(), address=request.META.get("REMOTE_ADDR"))
        if key is None:
            raise exceptions.AuthenticationFailed(
                "This API key is not valid here: it is unknown, expired or revoked. "
                "An administrator makes one with `manage.py apikey create`."
            )
        return Principal.of_key(key), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="hopper"'


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's session, with CSRF protection on writes."""

    def authenticate(self, request: Request) -> tuple[Principal, Any] | None:
        found = super().authenticate(request)
        return (Principal.of_user(found[0]), None) if found else None


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "hopper.common.rest.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "hop_<prefix>.<secret>"}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "hopper.common.rest.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "hopper"}
