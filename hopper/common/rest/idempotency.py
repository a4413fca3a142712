"""`Idempotency-Key`: a POST that is sent again is not done again, it is told what came of it."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import transaction
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common import operations
from hopper.common.rest.addresses import keep, look_up

HEADER = "HTTP_IDEMPOTENCY_KEY"
LONGEST = 255
REPLAYED = {"Idempotent-Replayed": "true"}


def once(view: Any, work: Callable[..., Response], request: Request, **kwargs: Any) -> Response:
    """Do the work, unless its key says that it is done, and answer with the rows as they now stand.

    The key is written in the transaction of the work, so that a twin waits for it and a refusal leaves no trace.
    The answer is built after the commit, when doorbells have rung.
    """
    with transaction.atomic():
        entry = operations.take_key(
            principal=view.principal.id, key=_key_of(request), fingerprint=_fingerprint(request)
        )  # fmt: skip
        first = None if entry.is_done else work(request, **kwargs)
        if first is not None:
            headers = {name: first[name] for name in ("Location",) if name in first}
            resource = {"headers": headers, "answer": keep(first.data, view)}
            operations.finish_key(entry=entry, status=first.status_code, resource=resource)
    answer = look_up(entry.resource["answer"], view, known=first.data if first else None)
    return Response(answer, entry.status, headers=entry.resource["headers"] | ({} if first else REPLAYED))


def _key_of(request: Request) -> str:
    key: str = request.META[HEADER]
    if not (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
        sentence = f"Send 1 to {LONGEST} printable ASCII characters, like a new UUID for each thing you want done."
        raise ValidationError({"Idempotency-Key": [sentence]}, code="invalid_idempotency_key")
    return key


def _fingerprint(request: Request) -> str:
    """Return what tells this request from every other: method, address and the meaning of the body."""
    body = json.dumps(request.data, sort_keys=True)
    path, query = request.path.rstrip("/"), request.META.get("QUERY_STRING", "")
    return hashlib.sha256("\n".join([str(request.method), path, query, body]).encode()).hexdigest()
