import pytest

from hopper.tests.refusals import nothing_stored, refused
from instances.models import Instance
from instances.tests.factories import InstanceFactory
from tasks.tests.factories import TaskFactory
from tasks.tests.steps import held

pytestmark = pytest.mark.django_db
WRONG = [
    ({"name": ""}, "name", "blank"), ({"name": "x" * 201}, "name", "no more than 200"),
    ({"nam": "a"}, "nam", "There is no field 'nam'"), ({"scope": "MOON"}, "scope", "not a valid choice"),
    ({"scope": ["PROJECT"]}, "scope", "not a valid choice"), ({"config": []}, "config", "A config is an object"),
    ({"config": None}, "config", "null"), ({"config": {"max_concurrent_tasks": True}}, "config", "whole number"),
    ({"config": {"confidence_threshold": "high"}}, "config", "from 0 to 1"),
    ({"config": {"capabilities": {"python": 9}}}, "config", "from 1 to 5"),
    ({"parent_id": "nothing"}, "parent_id", "There is no 'nothing'"), ({"parent_id": 5}, "parent_id", "in quotes"),
    ({"instance_type": "eternal"}, "instance_type", "not a valid choice"),
    ({"description": 5}, "description", "in quotes"),
    ({"expires_at": "2030-01-01T00:00:00Z"}, "expires_at", "Only a temporary instance"),
    ({"expires_at": "soon", "instance_type": "temporary"}, "expires_at", "wrong format"),
    ({"config": {"members": ["ada"]}}, "config", "members belongs to FAMILY"),
    ({"version": 5}, "version", "There is no field"), ({"created_by": "me"}, "created_by", "There is no field"),
]  # fmt: skip


class TestBadInput:
    """Each a 400 that names the field and the remedy; nothing is stored."""

    @pytest.mark.parametrize(("fields", "field", "said"), WRONG, ids=[f"{f} {v}"[:60] for v, f, _ in WRONG])
    def test_is_refused(self, api, fields, field, said):
        client = api()
        InstanceFactory(id="old")
        before = Instance.objects.values().get()

        with nothing_stored():
            assert said in refused(client.post("/instances", **{"name": "a", "scope": "PROJECT", **fields}), 400, field)
            assert said in refused(client.patch("/instances/old", **fields), 400, field)

        assert Instance.objects.values().get() == before

    @pytest.mark.parametrize("key", ["tree", "..", "a/b", "a b", "", "x" * 101, 5])
    def test_is_refused_for_an_id(self, api, key):
        client = api()

        with nothing_stored():
            refused(client.post("/instances", id=key, name="a", scope="PROJECT"), 400, "id")

    @pytest.mark.parametrize("status", Instance.Status.values)
    def test_is_a_status_typed_by_hand(self, api, status):
        client = api()
        InstanceFactory(id="old")

        assert "start, pause, resume or terminate" in refused(
            client.patch("/instances/old", status=status), 400, "status"
        )
        if status not in ("created", "active"):
            refused(client.post("/instances", name="a", scope="PROJECT", status=status), 400, "status")

    @pytest.mark.parametrize("parent", ["top", "middle", "bottom"])
    def test_is_a_parent_below(self, api, parent):
        client = api()
        middle = InstanceFactory(id="middle", parent=InstanceFactory(id="top"))
        InstanceFactory(id="bottom", parent=middle)

        with nothing_stored():
            said = refused(client.patch("/instances/top", parent_id=parent), 400, "parent_id")

        assert "the tree would become a circle" in said
        assert Instance.objects.get(pk="top").parent is None

    def test_is_a_scope_in_the_wrong_place(self, api):
        client = api()

        with nothing_stored():
            said = refused(client.post("/instances", name="a", scope="ORCHESTRATION"), 400, "parent_id")

        assert said == "A ORCHESTRATION instance sits under: EVENT, PERSONAL, PROJECT."

    def test_is_a_living_twin(self, api):
        client = api()
        InstanceFactory(name="a")

        with nothing_stored():
            assert "has this name already" in client.post("/instances", name="a", scope="PROJECT").json()["detail"]


class TestAnInstance:
    """Its life and its place, by HTTP."""

    def test_lives_by_verbs(self, api):
        client = api()
        made = client.post("/instances", id="a", name="a", scope="PROJECT")
        assert (made.status_code, made["Location"], made.json()["status"]) == (201, "/api/v1/instances/a", "created")

        for verb, status in [
            ("start", "active"),
            ("pause", "paused"),
            ("resume", "active"),
            ("terminate", "terminated"),
        ]:
            assert client.post(f"/instances/a/{verb}").json()["status"] == status
        assert "nothing: it has ended" in refused(client.post("/instances/a/resume"), 409)

    def test_may_begin_active(self, api):
        assert api().post("/instances", name="a", scope="PROJECT", status="active").json()["status"] == "active"

    def test_shows_what_is_around_it(self, api):
        client = api()
        near = InstanceFactory(id="near", parent=InstanceFactory(id="root", scope="GLOBAL"))
        InstanceFactory(id="leaf", parent=near, scope="ORCHESTRATION")

        def keys(path):
            return [row["id"] for row in client.get(path).json()["results"]]

        assert keys("/instances/root/children") == ["near"]
        assert keys("/instances/root/descendants") == ["near", "leaf"]
        assert keys("/instances/leaf/ancestors") == ["root", "near"]
        hierarchy = client.get("/instances/near/hierarchy").json()
        assert [row["id"] for row in hierarchy["ancestors"]] == ["root"]
        assert [row["id"] for row in hierarchy["descendants"]] == ["leaf"]
        assert hierarchy["instance"]["id"] == "near"

    def test_filters_what_is_below_it(self, api):
        root = InstanceFactory(id="root", scope="GLOBAL")
        InstanceFactory(id="on", parent=root)
        InstanceFactory(id="off", parent=root, status="paused")

        rows = api().get("/instances/root/children", status="paused").json()["results"]

        assert [row["id"] for row in rows] == ["off"]
        refused(api(name="other").get("/instances/root/children", colour="red"), 400, "colour")

    def test_counts_the_work_at_it_and_below(self, api):
        root = InstanceFactory(id="root", scope="GLOBAL")
        TaskFactory(instance=root)
        TaskFactory.create_batch(2, instance=InstanceFactory(parent=root), status="routed")
        TaskFactory(instance=InstanceFactory())

        counts = api().get("/instances/root/statistics").json()

        assert (counts["total_tasks"], counts["at_this_instance"], counts["pending"], counts["routed"]) == (3, 1, 1, 2)

    def test_is_not_deleted_while_others_stand_on_it(self, api):
        client = api()
        InstanceFactory(parent=InstanceFactory(id="root"))

        with nothing_stored():
            assert "move them first" in refused(client.delete("/instances/root"), 409)

    def test_is_deleted_when_nothing_does(self, api):
        client = api()
        InstanceFactory(id="a")

        assert client.delete("/instances/a").status_code == 204
        refused(client.get("/instances/a"), 404)


class TestTheEnd:
    """Drain and terminate say what happens to the open work."""

    @pytest.fixture
    def busy(self):
        held(instance=InstanceFactory(id="a"))
        TaskFactory(instance_id="a", routed=True)

    @pytest.mark.usefixtures("busy")
    def test_is_refused_with_counts_while_work_is_open(self, api):
        answer = api().post("/instances/a/terminate")

        assert "complete, cancel or re-route" in refused(answer, 409)
        assert (answer.json()["code"], answer.json()["open_tasks"], answer.json()["held_tasks"]) == (
            "instance_has_open_work", 2, 1,
        )  # fmt: skip

    @pytest.mark.parametrize(("open_work", "stays"), [("wait", 2), ("reroute", 1)])
    @pytest.mark.usefixtures("busy")
    def test_is_put_off_until_the_last_task(self, api, open_work, stays):
        answer = api().post("/instances/a/terminate", open_work=open_work, reason="It is old").json()

        assert (answer["status"], answer["closing"]) == ("paused", open_work)
        assert Instance.objects.get(pk="a").tasks.count() == stays

    @pytest.mark.usefixtures("busy")
    def test_of_a_branch_is_asked_for(self, api):
        client = api()
        InstanceFactory(id="top")
        Instance.objects.filter(pk="a").update(parent="top")

        assert refused(client.post("/instances/top/terminate", open_work="reroute"), 409)
        answer = client.post("/instances/top/terminate", open_work="reroute", branch=True).json()

        assert (answer["status"], Instance.objects.get(pk="a").closing) == ("paused", "reroute")

    @pytest.mark.usefixtures("busy")
    def test_may_be_a_drain(self, api):
        answer = api().post("/instances/a/drain", reroute=True, reason="Too hot").json()

        assert (answer["status"], answer["closing"]) == ("paused", None)
        assert Instance.objects.get(pk="a").tasks.count() == 1

    @pytest.mark.parametrize(
        ("verb", "body", "field"),
        [
            ("terminate", {"open_work": "explode"}, "open_work"), ("terminate", {"branch": "yes"}, "branch"),
            ("terminate", {"reason": "x" * 501}, "reason"), ("drain", {"reroute": 1}, "reroute"),
            ("drain", {"open_work": "wait"}, "open_work"),
        ],
    )  # fmt: skip
    @pytest.mark.usefixtures("busy")
    def test_is_refused_in_words(self, api, verb, body, field):
        client = api()

        with nothing_stored():
            refused(client.post(f"/instances/a/{verb}", **body), 400, field)

    @pytest.mark.usefixtures("busy")
    def test_is_for_operators(self, api):
        for verb in ("drain", "terminate"):
            assert api("executor", name=verb).post(f"/instances/a/{verb}").status_code == 403


class TestPartsOfTheTree:
    """A large tree is looked at in parts."""

    @pytest.fixture
    def tree(self):
        InstanceFactory(id="root", scope="GLOBAL", name="0")
        for key, parent in [("a", "root"), ("aa", "a"), ("aaa", "aa"), ("b", "root")]:
            InstanceFactory(id=key, name=key, parent_id=parent)

    @pytest.mark.parametrize(
        ("params", "seen"),
        [
            ({}, "root a aa aaa b"), ({"depth": 1}, "root a b"), ({"depth": 0}, "root"), ({"root": "a"}, "a aa aaa"),
            ({"root": "a", "depth": 1}, "a aa"), ({"root": "b"}, "b"),
        ],
    )  # fmt: skip
    @pytest.mark.usefixtures("tree")
    def test_are_a_branch_and_so_many_levels(self, api, params, seen):
        rows = api().get("/instances/tree", **params).json()["results"]

        assert " ".join(row["id"] for row in rows) == seen
        assert {row["id"]: row["children"] for row in rows}.get("root", 2) == 2

    @pytest.mark.usefixtures("tree")
    def test_have_the_depth_of_the_whole(self, api):
        assert [row["depth"] for row in api().get("/instances/tree", root="aa").json()["results"]] == [2, 3]

    @pytest.mark.usefixtures("tree")
    def test_stay_within_what_a_key_may_see(self, api):
        client = api(instances=["a"])

        assert [row["id"] for row in client.get("/instances/tree", depth=1).json()["results"]] == ["a", "aa"]
        refused(client.get("/instances/tree", root="b"), 404)
        assert [row["id"] for row in client.get("/instances/aa/hierarchy").json()["ancestors"]] == ["a"]

    @pytest.mark.parametrize("depth", ["17", "-1", "x", "", "²"])
    def test_are_refused_beyond_the_deepest(self, api, depth):
        refused(api().get("/instances/tree", depth=depth), 400, "depth")

    @pytest.mark.parametrize("root", ["nothing", "", "\x00"])
    def test_are_not_found_below_nothing(self, api, root):
        refused(api().get("/instances/tree", root=root), 404)


class TestNamesOfRelations:
    """A relation has its column's name; the short one is understood too."""

    @pytest.mark.parametrize("name", ["parent_id", "parent"])
    def test_are_taken_long_and_short(self, api, name):
        top = InstanceFactory(scope="GLOBAL")

        made = api().post("/instances", name="below", scope="PROJECT", **{name: top.pk})

        assert (made.status_code, made.json()["parent_id"]) == (201, top.pk)

    def test_are_refused_twice(self, api):
        top = InstanceFactory(scope="GLOBAL")

        refused(api().post("/instances", name="below", scope="PROJECT", parent=top.pk, parent_id=top.pk), 400, "parent")
