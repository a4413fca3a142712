import pytest
from django.db import IntegrityError
from django.test import Client

from hopper.common.errors import HopperError, Invalid
from hopper.common.rest.problem import ProblemHandler
from hopper.tests.refusals import refused
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


class TestAProblemDocument:
    """RFC 9457, for every refusal of the API."""

    def test_names_the_field_in_its_detail(self, api):
        document = api().post("/tasks", title="").json()

        assert document == {
            "type": "urn:hopper:problem:blank", "title": "Invalid input", "status": 400, "code": "blank",
            "detail": "title: This field may not be blank.", "errors": {"title": ["This field may not be blank."]},
        }  # fmt: skip

    def test_lists_every_field_that_is_wrong(self, api):
        document = api().post("/tasks", title=5, priority="soon", tags="api").json()

        assert set(document["errors"]) == {"title", "priority", "tags"}

    def test_keeps_its_own_status_when_the_row_has_one_too(self, api):
        TaskFactory(id="waiting")

        document = api().post("/tasks/waiting/claim").json()

        assert (document["status"], document["code"]) == (409, "not_claimable")

    def test_answers_an_address_that_does_not_exist(self, api):
        assert "/api/docs/" in refused(api().get("/nowhere"), 404)

    @pytest.mark.parametrize("path", ["/api/v1", "/api/v2/tasks", "/api/v1/tasks/a/b/c"])
    def test_answers_anybody_at_an_address_that_does_not_exist(self, path):
        refused(Client().get(path), 404)

    def test_answers_a_write_to_an_address_that_does_not_exist(self):
        refused(Client(enforce_csrf_checks=True).post("/api/v1/tusks", {}, "application/json"), 404)

    def test_says_what_cannot_be_shown(self, api):
        client = api()
        client.http.defaults["HTTP_ACCEPT"] = "text/csv"

        refused(client.get("/tasks"), 406)


def shown(error):
    return ProblemHandler(error, {}).convert_known_exceptions(error)


class TestAnError:
    """What an operation raises, as HTTP answers it."""

    def test_of_input_is_a_400_by_field(self):
        answer = shown(Invalid({"title": ["Too long."]}))

        assert (answer.status_code, answer.detail) == (400, {"title": ["Too long."]})

    def test_of_state_is_a_409_with_its_code(self):
        answer = shown(HopperError("No."))

        assert (answer.status_code, answer.detail, answer.detail.code) == (409, "No.", "refused")

    def test_of_a_twin_that_came_first_is_a_409(self):
        assert shown(IntegrityError("UNIQUE")).status_code == 409

    def test_takes_its_first_line_of_help_for_its_message(self):
        class Odd(HopperError):
            """This is odd.

            It is explained here.
            """

        assert Odd().message == "This is odd."
