from datetime import timedelta

import pytest
from django.utils import timezone

from hopper.common import keys
from hopper.common.errors import Invalid
from hopper.common.models import ApiKey

pytestmark = pytest.mark.django_db


class TestCreateKey:
    """A key is made once and shown once."""

    def test_refuses_a_name_that_would_read_as_anothers_executor(self):
        with pytest.raises(Invalid, match="Leave out the slash"):
            keys.create_key(name="ada/laptop")

    def test_returns_the_only_copy_of_the_text(self):
        key, text = keys.create_key(name="the bot", role="executor")

        scheme, _, rest = text.partition("_")
        prefix, _, secret = rest.partition(".")
        stored = ApiKey.objects.filter(pk=key.pk).values().get()
        assert (scheme, prefix, len(secret)) == ("hop", key.prefix, 43)
        assert secret not in str(stored)
        assert secret.encode() not in bytes(key.digest)

    def test_never_makes_the_same_key_twice(self):
        assert len({keys.create_key(name="same")[1] for _ in range(20)}) == 20

    def test_lets_it_live_for_90_days(self):
        key, _ = keys.create_key(name="a")

        assert key.expires_at - timezone.now() < timedelta(days=90)
        assert key.expires_at - timezone.now() > timedelta(days=89)

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"days": 0}, "days"), ({"days": 366}, "days"), ({"role": "king"}, "role"), ({"name": ""}, "name"),
            ({"name": "x" * 101}, "name"), ({"instances": "root"}, "instances"), ({"projects": [5]}, "projects"),
            ({"networks": ["10.0.0.0/99"]}, "networks"), ({"networks": {}}, "networks"),
        ],
    )  # fmt: skip
    def test_refuses_what_breaks_a_rule(self, fields, field):
        with pytest.raises(Invalid) as refusal:
            keys.create_key(**{"name": "a", **fields})

        assert field in refusal.value.errors
        assert not ApiKey.objects.exists()


class TestFindKey:
    """Who proves a live key is let in."""

    def test_finds_by_the_whole_text(self):
        key, text = keys.create_key(name="a")

        assert keys.find_key(text) == key

    @pytest.mark.parametrize(
        "spoil", [str.upper, lambda text: text + "x", lambda text: text[:-1], lambda text: text[4:]]
    )
    def test_finds_nothing_by_any_other_text(self, spoil):
        _, text = keys.create_key(name="a")

        assert keys.find_key(spoil(text)) is None

    def test_tells_when_it_has_expired(self):
        _, text = keys.create_key(name="a", days=1)

        assert keys.find_key(text, now=timezone.now() + timedelta(hours=23))
        assert keys.find_key(text, now=timezone.now() + timedelta(hours=25)) is None

    @pytest.mark.parametrize(
        ("address", "found"), [("10.1.2.3", True), ("::1", False), ("11.0.0.1", False), (None, False)]
    )
    def test_asks_where_it_comes_from(self, address, found):
        _, text = keys.create_key(name="a", networks=["10.0.0.0/8"])

        assert bool(keys.find_key(text, address=address)) is found

    def test_knows_keys_of_older_peppers(self, settings):
        key, text = keys.create_key(name="a")
        settings.KEY_PEPPERS = {**settings.KEY_PEPPERS, 2: "a newer pepper"}
        newer, newer_text = keys.create_key(name="b")

        assert (keys.find_key(text), keys.find_key(newer_text)) == (key, newer)
        assert newer.pepper == 2


class TestRevokeKey:
    """A revoked key is of no use."""

    def test_ends_it_at_once(self):
        key, text = keys.create_key(name="a")

        keys.revoke_key(key=key)

        assert keys.find_key(text) is None

    def test_keeps_the_first_time(self):
        key, _ = keys.create_key(name="a")
        first = keys.revoke_key(key=key).revoked_at

        assert keys.revoke_key(key=keys.revoke_key(key=key)).revoked_at == first


class TestChangeKey:
    """A key's name, role and limits may change, its secret never."""

    def test_raises_the_version(self):
        key, text = keys.create_key(name="a")

        changed = keys.change_key(key=key, role="operator", projects=["sark"])

        assert (changed.role, changed.projects, changed.version) == ("operator", ["sark"], 2)
        assert keys.find_key(text).role == "operator"

    def test_refuses_what_breaks_a_rule(self):
        key, _ = keys.create_key(name="a")

        with pytest.raises(Invalid):
            keys.change_key(key=key, networks=["here"])

        key.refresh_from_db()
        assert (key.networks, key.version) == ([], 1)
