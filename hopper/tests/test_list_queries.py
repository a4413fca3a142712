"""What a list costs does not grow with it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feedback.operations import record_feedback
from instances.models import Instance
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Proposal
from routing.operations import assign_task, create_pattern, create_policy, route_task
from routing.tests.factories import make_hop
from sync.operations import create_mapping
from tasks.operations import add_dependency, submit_task
from tasks.tests.factories import TaskFactory

pytestmark = [pytest.mark.django_db, pytest.mark.untraced]
LISTS = [
    "/tasks", "/tasks/ready", "/tasks/search?q=task", "/projects", "/projects/active", "/instances", "/instances/tree",
    "/instances/root/children", "/instances/root/descendants", "/decisions", "/episodes", "/patterns", "/policies",
    "/proposals", "/delegations", "/feedback", "/events", "/deliveries", "/review", "/tasks/hub/dependencies",
    "/tasks/hub/timeline", "/tasks/hub/external-mappings", "/tasks/at-risk", "/instances/tree?root=root&depth=1",
    "/instances/root/hierarchy", "/instances/root/effective-config", "/instances/root/statistics", "/tasks/stats",
    "/memory/patterns", "/feedback/statistics", "/feedback/retag", "/graph/instances/root/away",
]  # fmt: skip
WITHOUT_ROWS = {
    "/instances/root/hierarchy", "/instances/root/effective-config", "/instances/root/statistics", "/tasks/stats",
}  # fmt: skip
LIMITS = [{}, {"projects": ["project-a"]}, {"instances": ["root"]}]


def grow(numbers):
    """Add to every list a row for each number."""
    root, hub = Instance.objects.get(pk="root"), TaskFactory._meta.model.objects.get(pk="hub")
    for n in numbers:
        place = InstanceFactory(parent=root)
        project = ProjectFactory(instance=place)
        task = submit_task(title=f"Task {n}", actor="ada", tags=["a"], due_at=timezone.now(), route=False)
        assign_task(task=task, project=project, actor="ada")
        record_feedback(task=task, actor="ada", was_good_match=True, required_skills_not_tagged=["sql"])
        add_dependency(task=hub, depends_on=task, actor="ada")
        create_mapping(task=hub, platform=f"platform-{n}", external_id="1", actor="ada")
        make_hop(task, root, place, status="accepted")
        create_pattern(name=f"Pattern {n}", pattern_type="tag", target_project=project.pk, actor="ada")
        create_policy(name=f"Policy {n}", actor="ada")
        Proposal.objects.create(rule_hash=str(n))
        route_task(task=submit_task(title="Whose is this", actor="ada", required_capabilities=["sorcery"]))


def cost(client, path):
    """Return how many queries the list takes, and how many rows it has."""
    client.http.get(f"/api/v1{path}")
    with CaptureQueriesContext(connection) as queries:
        page = client.http.get(f"/api/v1{path}").json()
    return len(queries), len(page.get("results", []))


@pytest.fixture
def root():
    ProjectFactory(name="project-a")
    TaskFactory(id="hub", title="The hub of tasks")
    return InstanceFactory(id="root", scope="GLOBAL")


class TestAList:
    """A constant number of queries, whatever it holds."""

    def test_costs_the_same_with_3_rows_and_with_30(self, api, root):
        client = api()
        grow(range(3))
        few = {path: cost(client, path) for path in LISTS}
        grow(range(3, 30))
        many = {path: cost(client, path) for path in LISTS}

        assert {path: queries for path, (queries, _) in many.items()} == {
            path: queries for path, (queries, _) in few.items()
        }
        assert {path for path in LISTS if not 0 < few[path][1] < many[path][1]} == WITHOUT_ROWS

    @pytest.mark.parametrize("limits", LIMITS)
    def test_costs_the_same_for_a_limited_key(self, api, root, limits):
        client = api(**limits)
        grow(range(3))
        few = {path: cost(client, path)[0] for path in LISTS[:7]}
        grow(range(3, 12))

        assert {path: cost(client, path)[0] for path in LISTS[:7]} == few


class TestTheTree:
    """A thousand nodes, one query."""

    def test_is_one_query_beside_the_sign_in(self, api):
        InstanceFactory(id="0", scope="GLOBAL")
        Instance.objects.bulk_create(
            Instance(id=str(n), name=f"Instance {n}", scope="PROJECT", parent_id=str((n - 1) // 3))
            for n in range(1, 1000)
        )
        TaskFactory.create_batch(3, instance_id="5")
        client = api()
        client.get("/instances/tree")

        with CaptureQueriesContext(connection) as queries:
            rows = client.get("/instances/tree").json()["results"]

        about = [query["sql"] for query in queries if "api_keys" not in query["sql"]]
        assert len(about) == 1, about
        assert len(rows) == len({row["id"] for row in rows}) == 1000
        assert {row["id"]: row["open_tasks"] for row in rows}["5"] == 3
        assert (rows[0]["id"], rows[0]["depth"]) == ("0", 0)

    def test_comes_depth_first_with_siblings_by_name(self, api):
        InstanceFactory(id="root", name="Root", scope="GLOBAL")
        InstanceFactory(id="b", name="B", parent_id="root")
        InstanceFactory(id="a", name="A", parent_id="root")
        InstanceFactory(id="c", name="C", parent_id="a", scope="ORCHESTRATION")

        rows = api().get("/instances/tree").json()["results"]

        assert [(row["id"], row["depth"]) for row in rows] == [("root", 0), ("a", 1), ("c", 2), ("b", 1)]
