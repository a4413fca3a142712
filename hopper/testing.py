"""What tests need of Hopper: a client that speaks the API, and rows made briefly."""

import json
from typing import Any

from django.test import Client


class ApiClient:
    """Speaks JSON to `/api/v1` with a key: `api.post("/tasks", title="…")` returns Django's response.

    `once` is an Idempotency-Key. What changes a row sends `If-Match: *` unless told otherwise; None sends none.
    """

    def __init__(self, key: str | None = None) -> None:
        self.http = Client(headers={"authorization": f"Bearer {key}"} if key else {}, raise_request_exception=True)

    def get(self, path: str, **params: Any) -> Any:
        return self.http.get(self._url(path), params)

    def post(self, path: str, *, once: str | None = None, **body: Any) -> Any:
        return self.raw("post", path, _json(body), idempotency_key=once)

    def put(self, path: str, *, if_match: str | None = "*", **body: Any) -> Any:
        return self.raw("put", path, _json(body), if_match=if_match)

    def patch(self, path: str, *, if_match: str | None = "*", **body: Any) -> Any:
        return self.raw("patch", path, _json(body), if_match=if_match)

    def delete(self, path: str, *, if_match: str | None = "*") -> Any:
        return self.raw("delete", path, b"", if_match=if_match)

    def raw(
        self, method: str, path: str, body: bytes, content_type: str = "application/json", **headers: str | None
    ) -> Any:
        """Send a body as it is; of the headers those that are not None."""
        if method.lower() in ("put", "patch", "delete"):
            headers.setdefault("if_match", "*")
        sent = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        return self.http.generic(method.upper(), self._url(path), body, content_type=content_type, headers=sent)

    def _url(self, path: str) -> str:
        return path if path.startswith("/api") else f"/api/v1{path}"


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, default=str).encode()
