from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from hopper.common import keys
from hopper.common.models import ApiKey
from hopper.testing import ApiClient
from hopper.tests.refusals import nothing_stored, refused

pytestmark = pytest.mark.django_db


def revoked():
    key, text = keys.create_key(name="revoked")
    keys.revoke_key(key=key)
    return text


def expired():
    return keys.create_key(name="expired", expires_at=timezone.now() - timedelta(seconds=1))[1]


def with_another_secret():
    return keys.create_key(name="wrong")[1][:-1] + "!"


def from_elsewhere():
    return keys.create_key(name="elsewhere", networks=["10.0.0.0/8"])[1]


def under_a_lost_pepper():
    key, text = keys.create_key(name="lost")
    ApiKey.objects.filter(pk=key.pk).update(pepper=99)
    return text


REJECTED = [
    revoked, expired, with_another_secret, from_elsewhere, under_a_lost_pepper,
    lambda: "hop_abcdefghijkl.secret", lambda: "hop_", lambda: "nothing", lambda: "hop_é.ü", lambda: "hop_.",
]  # fmt: skip


class TestAKey:
    """A program signs in by its key alone."""

    def test_lets_in(self, api):
        assert api("viewer").get("/tasks").status_code == 200

    @pytest.mark.parametrize("make", REJECTED)
    def test_that_is_not_valid_gets_one_and_the_same_answer(self, make):
        answer = ApiClient(make()).get("/tasks")

        assert answer["WWW-Authenticate"] == 'Bearer realm="hopper"'
        assert refused(answer, 401) == (
            "This API key is not valid here: it is unknown, expired or revoked. "
            "An administrator makes one with `manage.py apikey create`."
        )

    def test_may_be_bound_to_a_network(self):
        _, text = keys.create_key(name="here", networks=["10.0.0.0/8", "127.0.0.0/8"])

        assert ApiClient(text).get("/tasks").status_code == 200

    def test_is_known_by_any_spelling_of_its_scheme(self):
        _, text = keys.create_key(name="here")

        assert Client(headers={"authorization": f"bearer  {text} "}).get("/api/v1/tasks").status_code == 200

    def test_remembers_when_it_was_used_once_a_minute(self):
        key, text = keys.create_key(name="here")
        ApiClient(text).get("/tasks")
        key.refresh_from_db()
        first = key.last_used_at
        ApiClient(text).get("/tasks")
        key.refresh_from_db()

        assert first is not None
        assert key.last_used_at == first

    def test_names_who_acted(self, api):
        api(name="the bot").post("/tasks?route=false", title="a")

        assert api().get("/events").json()["results"][0]["actor"] == "the bot"


class TestNobody:
    """Who is not signed in sees nothing of the API but its description."""

    @pytest.mark.parametrize("path", ["/tasks", "/tasks/unknown", "/system/info", "/instances/tree"])
    def test_gets_a_401(self, path):
        answer = ApiClient().get(path)

        refused(answer, 401)
        assert answer["WWW-Authenticate"].startswith("Bearer")

    def test_stores_nothing(self):
        with nothing_stored():
            refused(ApiClient().post("/tasks", title="a"), 401)

    def test_is_refused_before_the_body_is_read(self):
        refused(ApiClient().raw("post", "/tasks", b"[" * 50_000), 401)

    @pytest.mark.parametrize("path", ["/api/schema/", "/api/docs/", "/healthz", "/readyz"])
    def test_sees_the_description(self, path):
        assert Client().get(path).status_code == 200


class TestASession:
    """A person signs in by the browser."""

    def sign_in(self, **flags):
        user = User.objects.create_user("ada", password="correct horse", **flags)
        client = ApiClient()
        client.http.force_login(user)
        return client

    @pytest.mark.parametrize(("flags", "status"), [({}, 403), ({"is_staff": True}, 403), ({"is_superuser": True}, 201)])
    def test_gives_the_role_of_the_person(self, flags, status):
        client = self.sign_in(**flags)

        assert client.get("/tasks").status_code == 200
        assert client.post("/policies", name="theirs").status_code == status

    def test_of_staff_operates(self):
        assert self.sign_in(is_staff=True).post("/projects", name="sark").status_code == 201

    def test_writes_only_with_a_csrf_token(self):
        user = User.objects.create_user("ada", is_staff=True)
        client = Client(enforce_csrf_checks=True)
        client.force_login(user)

        with nothing_stored():
            answer = client.post("/api/v1/tasks", {"title": "a"}, content_type="application/json")

        assert "CSRF" in refused(answer, 403)

    def test_yields_to_a_key(self, api):
        client = self.sign_in(is_superuser=True)
        _, text = keys.create_key(name="small", role="viewer")

        answer = client.http.post(
            "/api/v1/tasks", {"title": "a"}, content_type="application/json",
            headers={"authorization": f"Bearer {text}"},
        )  # fmt: skip

        refused(answer, 403)
