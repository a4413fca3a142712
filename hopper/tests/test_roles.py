"""The matrix of roles and actions, generated over the router: what is added joins it by itself."""

import re

import pytest
from django.test import RequestFactory

from feedback.models import TaskFeedback
from hopper.api import router
from hopper.api.review import ReviewViewSet
from hopper.common.db.graph import MOST_LISTED
from hopper.common.models import Role
from hopper.testing import ApiClient
from hopper.tests.refusals import nothing_stored, refused
from instances.models import Instance
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Delegation, Pattern, Policy
from routing.operations import assign_task
from tasks.tests.factories import TaskFactory
from tasks.viewsets import TaskViewSet

pytestmark = [pytest.mark.django_db, pytest.mark.untraced]


def doors():
    """Yield `(viewset, action, method, path)` of every door of the API."""
    for prefix, viewset, _ in router.registry:
        lookup = f"{{{viewset.lookup_url_kwarg or viewset.lookup_field}}}"
        for route in router.get_routes(viewset):
            mapping = router.get_method_map(viewset, route.mapping)
            path = re.sub(r"^\^|\$$|/\?|\{trailing_slash\}", "", route.url).replace("{prefix}", prefix)
            path = re.sub(r"\(\?P<\w+>\[0-9\][^)]*\)", "1", path.replace("{lookup}", lookup))
            path = re.sub(r"\(\?P<\w+>[^)]*\)|\{\w+\}", "unknown", path)
            yield from ((viewset, action, method, f"/{path}") for method, action in mapping.items())
    yield ReviewViewSet, "answer", "post", "/review/unknown"


DOORS = list(doors())
NAMES = [f"{method} {path}" for _, _, method, path in DOORS]


class TestEveryDoor:
    """Deny unless declared."""

    def test_is_found(self):
        assert len(DOORS) > 70
        assert {
            "post /tasks/unknown/claim",
            "get /instances/tree",
            "delete /tasks/unknown/dependencies/unknown",
        } <= set(NAMES)
        assert "post /policies/unknown/versions/1/activate" in NAMES

    def test_names_the_role_it_needs(self):
        assert {type(viewset.access.get(action)) for viewset, action, _, _ in DOORS} == {Role}

    @pytest.mark.parametrize("role", Role)
    def test_opens_to_the_role_it_needs_and_those_above_it_alone(self, api, role):
        client = api(role)

        shut = [name for name, (_, _, *door) in zip(NAMES, DOORS, strict=True) if self.status(client, *door) == 403]

        needed = [viewset.access[action] for viewset, action, _, _ in DOORS]
        assert shut == [name for name, wanted in zip(NAMES, needed, strict=True) if role.rank < wanted.rank]

    def test_is_closed_to_who_is_not_signed_in(self):
        with nothing_stored():
            assert {self.status(ApiClient(), method, path) for _, _, method, path in DOORS} == {401}

    @staticmethod
    def status(client, method, path):
        return client.raw(method, path, b"{}", if_match='"unknown:1"').status_code

    @pytest.mark.parametrize("role", ["viewer", "executor"])
    def test_says_which_role_it_needs(self, api, role):
        said = refused(api(role).post("/projects", name="sark"), 403)

        assert said == f"This needs the role operator; yours is {role}."

    def test_stays_shut_when_nobody_declared_it(self, api):
        class Forgetful(TaskViewSet):
            access = {}

        request = RequestFactory().get("/", headers={"authorization": api().http.defaults["HTTP_AUTHORIZATION"]})

        assert Forgetful.as_view({"get": "list"})(request).status_code == 403

    @pytest.mark.parametrize(("method", "path"), [("delete", "/events"), ("post", "/decisions"), ("put", "/tasks")])
    def test_refuses_a_method_that_it_has_not(self, api, method, path):
        assert method.upper() in refused(api("viewer").raw(method, path, b"{}"), 405)


@pytest.fixture
def two_houses():
    """Everything twice: in the project `ours` at the instance `near`, and in `theirs` at `far`."""
    root = InstanceFactory(id="root", scope="GLOBAL")
    for project, place in (("ours", "near"), ("theirs", "far")):
        instance = InstanceFactory(id=place, parent=root)
        task = TaskFactory(id=f"{project}-task")
        assign_task(task=task, project=ProjectFactory(name=project, instance=instance), actor="ada")
        TaskFeedback.objects.create(task=task, was_good_match=True, given_by="ada")
        Pattern.objects.create(id=f"{project}-pattern", name=project, pattern_type="tag", target_project=project)
        Delegation.objects.create(id=f"{project}-hop", task=task, source_instance=root, target_instance=instance,
                                  delegated_at=task.created_at, status="accepted")  # fmt: skip
    InstanceFactory(id="below", parent_id="near", scope="ORCHESTRATION")
    Policy.objects.create(id="policy", name="policy")


LISTS = ["tasks", "projects", "instances", "decisions", "episodes", "patterns", "delegations", "feedback", "policies",
         "events", "deliveries"]  # fmt: skip


def keys_in(client, path):
    rows = client.get(path).json()["results"]
    return {row.get("id") or row.get("name") or row.get("task_id") for row in rows}


@pytest.mark.usefixtures("two_houses")
class TestALimitedKey:
    """What it may not see does not exist."""

    @pytest.mark.parametrize(
        ("path", "seen"),
        [
            ("/tasks", {"ours-task"}), ("/tasks/ready", {"ours-task"}), ("/projects", {"ours"}),
            ("/projects/active", {"ours"}), ("/decisions", {"ours-task"}), ("/patterns", {"ours-pattern"}),
            ("/delegations", {"ours-hop"}), ("/feedback", {"ours-task"}), ("/policies", set()), ("/events", set()),
            ("/deliveries", set()),
        ],
    )  # fmt: skip
    def test_of_a_project_lists_only_what_is_its_own(self, api, path, seen):
        assert keys_in(api(projects=["ours"]), path) == seen
        assert len(keys_in(api(), path)) > len(seen)

    @pytest.mark.parametrize(
        ("path", "seen"),
        [
            ("/tasks", {"ours-task"}), ("/instances", {"near", "below"}), ("/instances/tree", {"near", "below"}),
            ("/instances/near/descendants", {"below"}), ("/instances/near/ancestors", set()), ("/decisions", set()),
            ("/episodes", set()), ("/delegations", {"ours-hop"}), ("/feedback", {"ours-task"}), ("/events", set()),
        ],
    )  # fmt: skip
    def test_of_a_branch_lists_only_what_is_below_it(self, api, path, seen):
        assert keys_in(api(instances=["near"]), path) == seen

    def test_of_a_branch_that_is_gone_sees_nothing(self, api):
        assert keys_in(api(instances=["gone"]), "/tasks") == set()

    def test_of_a_branch_too_large_to_be_listed_sees_the_tasks_at_its_ends(self, api):
        Instance.objects.bulk_create(
            Instance(id=f"leaf{n}", name=f"Leaf {n}", scope="EVENT", status="active", parent_id="below")
            for n in range(MOST_LISTED)
        )
        TaskFactory(id="at-the-end", status="routed", instance_id=f"leaf{MOST_LISTED - 1}")
        assert keys_in(api(instances=["near"]), "/tasks") == {"ours-task", "at-the-end"}

    def test_sees_as_much_of_the_episodes(self, api):
        shown = api(projects=["ours"]).get("/episodes").json()["results"]

        assert {row["chosen_project"] for row in shown} == {"ours"}

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("get", "/tasks/theirs-task"), ("patch", "/tasks/theirs-task"), ("delete", "/tasks/theirs-task"),
            ("post", "/tasks/theirs-task/claim"), ("post", "/tasks/theirs-task/complete"),
            ("post", "/tasks/theirs-task/cancel"), ("get", "/tasks/theirs-task/timeline"),
            ("get", "/tasks/theirs-task/decision"), ("get", "/tasks/theirs-task/feedback"),
            ("put", "/tasks/theirs-task/feedback"), ("get", "/tasks/theirs-task/delegations"),
            ("get", "/tasks/theirs-task/external-mappings"), ("get", "/tasks/theirs-task/dependencies"),
            ("delete", "/tasks/ours-task/dependencies/theirs-task"), ("get", "/projects/theirs"),
            ("patch", "/projects/theirs"), ("delete", "/projects/theirs"), ("get", "/projects/theirs/statistics"),
            ("get", "/decisions/theirs-task"), ("get", "/patterns/theirs-pattern"), ("get", "/delegations/theirs-hop"),
            ("get", "/feedback/theirs-task"), ("get", "/policies/policy"), ("get", "/graph/tasks/theirs-task/blocked"),
            ("get", "/graph/tasks/theirs-task/lineage"),
        ],
    )  # fmt: skip
    def test_of_a_project_finds_nothing_foreign(self, api, method, path):
        body = {"complete": b'{"fence": 1}', "feedback": b'{"was_good_match": true}'}.get(path.split("/")[-1], b"{}")

        client = api(projects=["ours"])

        with nothing_stored():
            refused(client.raw(method, path, body), 404)

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("get", "/instances/far"), ("get", "/instances/root"), ("patch", "/instances/far"),
            ("post", "/instances/far/pause"), ("get", "/instances/far/statistics"), ("get", "/tasks/theirs-task"),
            ("post", "/tasks/theirs-task/claim"), ("get", "/graph/instances/root/away"),
        ],
    )  # fmt: skip
    def test_of_a_branch_finds_nothing_foreign(self, api, method, path):
        client = api(instances=["near"])

        with nothing_stored():
            refused(client.raw(method, path, b"{}"), 404)

    @pytest.mark.parametrize(
        ("path", "field", "foreign"),
        [
            ("/tasks", "project", "theirs"), ("/tasks", "parent_id", "theirs-task"),
            ("/routing/suggest", "project", "theirs"),
        ],
    )  # fmt: skip
    def test_of_a_project_cannot_name_a_foreign_row(self, api, path, field, foreign):
        client, fields = api(projects=["ours"]), {"title": "a"}
        with nothing_stored():
            there = refused(client.post(path, **fields, **{field: foreign}), 400, field)
        assert there.replace(foreign, "?") == refused(client.post(path, **fields, **{field: "x"}), 400, field).replace(
            "'x'", "'?'"
        )

    def test_of_a_project_cannot_wait_for_a_foreign_task(self, api):
        client = api(projects=["ours"])

        with nothing_stored():
            refused(client.post("/tasks", title="a", depends_on=["theirs-task"]), 400, "depends_on")
            refused(client.patch("/tasks/ours-task", depends_on=["theirs-task"]), 400, "depends_on")
            refused(client.post("/tasks/ours-task/dependencies", depends_on="theirs-task"), 400, "depends_on")
            bulk = client.post("/tasks/bulk", update=[{"id": "ours-task", "depends_on": ["theirs-task"]}])
            refused(bulk, 400, "update.0.depends_on")

    def test_of_a_project_changes_nothing_foreign_in_bulk(self, api):
        client = api(projects=["ours"])

        with nothing_stored():
            refused(client.post("/tasks/bulk", update=[{"id": "theirs-task", "title": "b"}]), 400, "update.0.id")
            refused(client.post("/tasks/bulk", update=[{"id": "theirs-task", "verb": "cancel"}]), 400, "update.0.id")
            refused(client.post("/tasks/bulk", delete=["ours-task", "theirs-task"]), 400, "delete")
            refused(client.post("/tasks/bulk", create=[{"title": "a", "project": "theirs"}]), 400, "create.0.project")

    def test_of_a_branch_cannot_move_it_under_a_foreign_one(self, api):
        client = api(instances=["near"])

        with nothing_stored():
            refused(client.patch("/instances/below", parent_id="far"), 400, "parent_id")

    def test_counts_only_its_own(self, api):
        assert api(projects=["ours"]).get("/tasks/stats").json()["total"] == 1
        assert api(projects=["ours"]).get("/tasks", count="exact").json()["count"] == 1
        assert api(projects=["ours"]).get("/events", count="estimate").json()["count"] == 0

    def test_cannot_answer_a_review_with_a_foreign_project(self, api):
        task = TaskFactory(id="doubt")
        assign_task(task=task, project=task.project or ProjectFactory(name="mine"), actor="ada")

        refused(api(projects=["mine"]).put("/tasks/doubt/decision", project="theirs"), 400, "project")
