"""What tests need of Hopper: a client that speaks the API, and rows made briefly."""

import json
from typing import Any

from django.test import Client


class ApiClient:
    """Speaks JSON to `/api/v1` with a key: `api.post("/tasks", title="…")` returns Django's response."""

    def __init__(self, key: str | None = None) -> None:
        self.http = Client(headers={"authorization": f"Bearer {key}"} if key else {}, raise_request_exception=True)

    def get(self, path: str, **params: Any) -> Any:
        return self.http.get(self._url(path), params)

    def post(self, path: str, **body: Any) -> Any:
        return self._send("post", path, body)

    def put(self, path: str, **body: Any) -> Any:
        return self._send("put", path, body)

    def patch(self, path: str, **body: Any) -> Any:
        return self._send("patch", path, body)

    def delete(self, path: str) -> Any:
        return self.http.delete(self._url(path))

    def raw(self, method: str, path: str, body: bytes, content_type: str = "application/json") -> Any:
        """Send a body as it is."""
        return self.http.generic(method.upper(), self._url(path), body, content_type=content_type)

    def _send(self, method: str, path: str, body: dict[str, Any]) -> Any:
        return self.raw(method, path, json.dumps(body, default=str).encode())

    def _url(self, path: str) -> str:
        return path if path.startswith("/api") else f"/api/v1{path}"
