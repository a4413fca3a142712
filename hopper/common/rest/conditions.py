"""`ETag` and `If-Match`: who changes a row says which version of it they have seen (RFC 9110, 13.1.1)."""

import re
from urllib.parse import quote

from rest_framework.exceptions import ParseError, PermissionDenied
from rest_framework.request import Request

from hopper.common.errors import HopperError
from hopper.common.models import Role
from hopper.common.rest.principals import Principal

HEADER = "HTTP_IF_MATCH"
TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
TAGS = re.compile(rf"[ \t,]*{TAG}(?:[ \t]*,[ \t,]*{TAG})*[ \t,]*")
EXAMPLE = 'If-Match: "first:3"'


class PreconditionRequired(HopperError):
    """Say which version you want to change."""

    code = "precondition_required"
    status = 428


def wanted_tags(request: Request, principal: Principal) -> list[str] | None:
    """Return the ETags that If-Match lists; None stands for `*`, any version.

    :raises PreconditionRequired: if it is missing
    """
    text = request.META.get(HEADER)
    if text is None:
        raise PreconditionRequired(f"Send the ETag of what you have read, like {EXAMPLE}: others may have changed it.")
    if text.strip() == "*":
        if not principal.may(Role.OPERATOR):
            raise PermissionDenied(f"Only an operator may change whatever is there: send an ETag, like {EXAMPLE}.")
        return None
    if not TAGS.fullmatch(text):
        raise ParseError(f"If-Match is a list of ETags, each in quotes: {EXAMPLE}.", code="invalid_if_match")
    return re.findall(TAG, text)


def versions_in(tags: list[str], key: dict[str, str]) -> frozenset[int]:
    """Return the versions of the row with this key that the tags name; a weak tag names none."""
    own = re.compile(re.escape(_name_of(key)) + r':([1-9][0-9]{0,17})"')
    return frozenset(int(found[1]) for found in map(own.fullmatch, tags) if found)


def tag_of(key: dict[str, str], version: int) -> str:
    """Return the strong ETag of this version of the row, like `"first:3"`."""
    return f'{_name_of(key)}:{version}"'


def _name_of(key: dict[str, str]) -> str:
    return '"' + "/".join(quote(part, safe="") for part in key.values())
