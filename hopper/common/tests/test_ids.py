import re
from uuid import UUID

import pytest
from django.core.exceptions import ValidationError

from hopper.common.ids import new_id, plain_id


class TestNewId:
    """UUIDv7."""

    def test_is_of_version_7(self):
        key = UUID(new_id())

        assert (key.version, key.variant) == (7, "specified in RFC 4122")

    def test_is_never_the_same(self):
        assert len({new_id() for _ in range(10_000)}) == 10_000

    def test_begins_with_the_moment(self):
        keys = [new_id()[:13] for _ in range(1000)]

        assert keys == sorted(keys)

    def test_is_a_plain_id(self):
        plain_id(new_id())
        assert re.fullmatch(r"[0-9a-f-]{36}", new_id())


class TestPlainId:
    """What a caller may bring as an id."""

    @pytest.mark.parametrize("key", ["a", "A.b_c~d-1", "run-123", "0"])
    def test_may_be(self, key):
        plain_id(key)

    @pytest.mark.parametrize("key", ["", "a b", "a/b", "a\n", "é", "a\x00", "a?b", "a#b", "a%20"])
    def test_may_not_be(self, key):
        with pytest.raises(ValidationError, match="Use only letters"):
            plain_id(key)
