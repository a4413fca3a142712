from datetime import UTC, datetime

import pytest

from hopper.tests.refusals import refused
from projects.tests.factories import ProjectFactory
from routing.models import Pattern
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


def found(response):
    assert response.status_code == 200, response.content
    return {row.get("id") or row["name"] for row in response.json()["results"]}


# the list, the parameter, its value, and what the answer says of it
REFUSED = [
    ("/tasks", "colour", "red", "There is no such filter here. Known: count, created_after"),
    ("/tasks", "status__in", "pending", "There is no such filter here"),
    ("/tasks/ready", "colour", "red", "There is no such filter here"),
    ("/projects", "colour", "red", "There is no such filter here"),
    ("/projects/active", "colour", "red", "There is no such filter here"),
    ("/instances", "colour", "red", "There is no such filter here"),
    ("/events", "colour", "red", "There is no such filter here"),
    ("/decisions", "colour", "red", "There is no such filter here"),
    ("/episodes", "colour", "red", "There is no such filter here"),
    ("/patterns", "colour", "red", "There is no such filter here"),
    ("/policies", "colour", "red", "There is no such filter here"),
    ("/delegations", "colour", "red", "There is no such filter here"),
    ("/feedback", "colour", "red", "There is no such filter here"),
    ("/review", "colour", "red", "There is no such filter here"),
    ("/tasks", "status", "finished", "finished is not one of"),
    ("/tasks", "priority", "extreme", "extreme is not one of"),
    ("/tasks", "created_after", "yesterday", "valid date"),
    ("/tasks", "created_after", "0001-01-01T00:00:00+14:00", "beyond the calendar"),
    ("/tasks", "due_before", "9999-12-31T23:00:00-14:00", "beyond the calendar"),
    ("/tasks", "review_required", "maybe", "Send true or false."),
    ("/tasks", "review_required", "1", "Send true or false."),
    ("/patterns", "active", "yes", "Send true or false."),
    ("/feedback", "was_good_match", "2", "Send true or false."),
    ("/tasks", "tag", '"', "is no tag"),
    ("/tasks", "tag", "a,,b", "is no tag"),
    ("/tasks", "tag", "x" * 65, "is no tag"),
    ("/tasks", "tag", ",".join(f"t{n}" for n in range(1200)), "too many"),
    ("/projects", "capability", "a\\", "is no tag"),
    ("/projects", "capability", ",".join(f"t{n}" for n in range(1200)), "too many"),
    ("/tasks", "search", " ".join("a" * 1500), "At most 30 words"),
    ("/tasks/search", "q", " ".join("a" * 1500), "At most 30 words"),
    ("/tasks/search", "q", " ", "Send the words to look for"),
    ("/events", "after", "-1", "greater than or equal to 0"),
    ("/events", "after", "1.5", "Enter a whole number"),
    ("/events", "after", "1e99999999", "Enter a whole number"),
    ("/events", "after", "9" * 60, "less than or equal"),
    ("/events", "after", "NaN", "Enter a whole number"),
    ("/decisions", "confidence_lt", "-1e99999999", "greater than or equal to 0"),
    ("/instances", "parent", "nothing", "Select a valid choice"),
]
TEXTS = ["owner", "requester", "project", "instance", "parent", "status", "tag", "search", "created_after", "cursor"]


class TestAFilter:
    """What is asked for is understood or refused, never passed over."""

    @pytest.mark.parametrize(("path", "name", "value", "said"), REFUSED, ids=[f"{p} {n}" for p, n, *_ in REFUSED])
    def test_is_refused_by_name(self, api, path, name, value, said):
        assert said in refused(api().get(path, **{name: value}), 400, name)

    @pytest.mark.parametrize("name", TEXTS)
    def test_with_a_nul_is_refused_by_name(self, api, name):
        refused(api().get("/tasks", **{name: "a\x00b"}), 400, name)

    @pytest.mark.parametrize(("path", "name"), [("/instances", "parent"), ("/projects", "instance")])
    def test_of_a_row_with_a_nul_is_refused_by_name(self, api, path, name):
        refused(api().get(path, **{name: "\x00"}), 400, name)

    def test_with_a_nul_for_its_name_is_refused(self, api):
        refused(api().get("/tasks", **{"\x00": "a"}), 400)

    @pytest.mark.parametrize(
        ("params", "wanted"),
        [
            ({"status": "open"}, {"late", "plain"}),
            ({"status": "routed"}, {"placed"}),
            ({"priority": "critical"}, {"late"}),
            ({"priority": "normal"}, {"plain", "placed"}),
            ({"source": "http"}, {"late", "plain", "placed"}),
            ({"tag": "API"}, {"late", "plain"}),
            ({"tag": "api,bug"}, {"late"}),
            ({"tag": "a\u00e9"}, set()),
            ({"owner": "ada"}, {"plain"}),
            ({"project": "sark"}, {"placed"}),
            ({"review_required": "true"}, set()),
            ({"review_required": "false"}, {"late", "plain", "placed"}),
            ({"due_before": "2026-01-02T00:00:00+01:00"}, {"late"}),
            ({"due_after": "2026-01-02"}, set()),
            ({"search": "LOGIN error"}, {"late"}),
            ({"search": "100%"}, {"plain"}),
            ({"search": "_"}, set()),
            ({"search": "'; DROP TABLE tasks; --"}, set()),
        ],
    )
    def test_finds_what_is_meant(self, api, params, wanted):
        TaskFactory(id="late", title="Login fails with an error", priority="urgent", tags=["bug", "api"],
                    due_at=datetime(2026, 1, 1, 22, tzinfo=UTC))  # fmt: skip
        TaskFactory(id="plain", title="Reach 100% coverage", owner="ada", tags=["api"])
        TaskFactory(id="placed", title="Placed", routed=True, project=ProjectFactory(name="sark"))

        assert found(api().get("/tasks", **params)) == wanted

    def test_finds_projects_by_what_they_can_do(self, api):
        ProjectFactory(name="sark", capabilities={"python": 4, "mcp": 2})
        ProjectFactory(name="czarina", capabilities={"python": 5})
        ProjectFactory(name="idle", capabilities={}, is_active=False)

        assert found(api().get("/projects", capability="Python, mcp")) == {"sark"}
        assert found(api().get("/projects", active="false")) == {"idle"}

    def test_finds_patterns_in_use(self, api):
        Pattern.objects.create(id="used", name="used", pattern_type="tag", target_project="sark")
        Pattern.objects.create(id="old", name="old", pattern_type="tag", target_project="sark", is_active=False)

        assert found(api().get("/patterns", active="true")) == {"used"}
