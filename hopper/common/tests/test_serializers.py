import pytest

from hopper.tests.refusals import nothing_stored, refused
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


class TestText:
    """Text is text, and what cannot be seen in it is not kept."""

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("e\u0301", "é"), ("a\u202eb", "ab"), ("a\x01\x7fb", "ab"), ("a\nb\tc", "a\nb\tc"), ("  a  ", "a"),
            ("👩‍👩‍👧", "👩‍👩‍👧"), ("<script>", "<script>"), ("x" * 500, "x" * 500),
        ],
    )  # fmt: skip
    def test_is_kept(self, api, given, kept):
        assert api().post("/tasks?route=false", title=given).json()["title"] == kept

    @pytest.mark.parametrize("wrong", [5, 1.5, True, [], {}, ["a"]])
    def test_is_no_number_and_no_list(self, api, wrong):
        client = api()

        with nothing_stored():
            assert "Send a text in quotes." in refused(client.post("/tasks", title=wrong), 400, "title")

    @pytest.mark.parametrize("empty", ["", "   ", "\x01\x02", "\u202e", "\n"])
    def test_of_nothing_visible_is_empty(self, api, empty):
        client = api()

        with nothing_stored():
            assert "blank" in refused(client.post("/tasks", title=empty), 400, "title")


class TestNumbers:
    """A number is a number: no text, no truth, nothing too large."""

    @pytest.mark.parametrize("wrong", [True, "3", 3.5, 3.0, [], 0, -1, 1001, 10**30])
    def test_that_are_whole(self, api, wrong):
        client = api()

        with nothing_stored():
            refused(client.post("/tasks", title="a", max_attempts=wrong), 400, "max_attempts")

    @pytest.mark.parametrize("wrong", [True, "0.5", [], -0.1, 1.1, 10**400])
    def test_that_are_shares(self, api, wrong):
        client = api()
        fields = {"name": "a", "pattern_type": "tag", "target_project": "sark"}

        with nothing_stored():
            refused(client.post("/patterns", **fields, confidence=wrong), 400, "confidence")

    @pytest.mark.parametrize("wrong", [1, 0, "true", "yes", None, []])
    def test_are_no_flags(self, api, wrong):
        client = api()

        with nothing_stored():
            refused(client.post("/projects", name="sark", is_active=wrong), 400, "is_active")

    def test_that_are_huge_survive_inside_json(self, api):
        client = api()
        client.post("/projects", name="sark", executor_config={"n": 10**30})

        assert client.get("/projects/sark").json()["executor_config"] == {"n": 10**30}


class TestFields:
    """Only what is known and may be written is taken."""

    def test_that_are_unknown_are_named_with_those_that_are(self, api):
        client = api()

        with nothing_stored():
            said = refused(client.post("/tasks", title="a", titel="b"), 400, "titel")

        assert "There is no field 'titel'. Known: context, conversation_id" in said

    @pytest.mark.parametrize(
        "field", ["fence", "version", "lease_owner", "routing_confidence", "created_at", "external_id"]
    )
    def test_that_hopper_sets_are_refused(self, api, field):
        client = api()

        with nothing_stored():
            said = refused(client.post("/tasks", title="a", **{field: 1}), 400, field)

        assert said == "Hopper sets this field itself: leave it out."

    def test_that_are_left_out_of_a_patch_stay(self, api):
        TaskFactory(id="old", title="before", tags=["api"], owner="ada")

        api().patch("/tasks/old", title="after")

        old = Task.objects.get(pk="old")
        assert (old.title, old.tags, old.owner) == ("after", ["api"], "ada")

    def test_that_are_left_out_of_a_put_are_asked_for_when_required(self, api):
        TaskFactory(id="old", title="before")

        refused(api().put("/tasks/old", description="b"), 400, "title")

    @pytest.mark.parametrize(
        ("field", "wrong", "said"),
        [
            ("project", "nowhere", "There is no 'nowhere' that you may see"), ("project", 5, "Send the key as a text"),
            ("project", True, "Send the key as a text"), ("project", {}, "Send the key as a text"),
            ("instance_id", "nowhere", "There is no 'nowhere'"), ("parent_id", "x" * 900, "There is no 'xxxx"),
        ],
    )  # fmt: skip
    def test_that_name_a_row_name_one_that_is_there(self, api, field, wrong, said):
        client = api()

        with nothing_stored():
            assert said in refused(client.post("/tasks", title="a", **{field: wrong}), 400, field)
