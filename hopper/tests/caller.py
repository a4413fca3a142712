"""Who speaks HTTP to a Hopper in another process, with the standard library alone."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen


class Caller:
    """`call("POST", "/tasks", title="…")` returns the status and the answer."""

    def __init__(self, address, key):
        self.address = address
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "If-Match": "*"}

    def __call__(self, method, path, **body):
        asked = Request(f"{self.address}{path}", json.dumps(body).encode(), self.headers, method=method)
        try:
            with urlopen(asked, timeout=60) as answer:
                return answer.status, json.load(answer)
        except HTTPError as refusal:
            return refusal.code, json.load(refusal)

    def done(self, method, path, **body):
        """Return the answer of a request that has to succeed."""
        status, answer = self(method, path, **body)
        assert status < 300, answer
        return answer
