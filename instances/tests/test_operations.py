import pytest
from django.utils import timezone

from hopper.common.errors import HopperError, Invalid
from hopper.events.models import Event
from hopper.events.operations import StillInUse
from hopper.tests.refusals import nothing_stored
from instances import operations
from instances.models import Instance
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.tests.factories import make_hop
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
ACTOR = {"actor": "ada"}


def kinds(instance):
    return [event.type for event in Event.objects.about(instance)]


def chain(length):
    """Give the instances of a tree without branches, the root first."""
    rows = [InstanceFactory(scope="GLOBAL")]
    while len(rows) < length:
        rows.append(InstanceFactory(parent=rows[-1]))
    return rows


class TestCreateInstance:
    """Adding to the tree."""

    def test_stores_it_with_its_event(self):
        made = operations.create_instance(name="Root", scope="GLOBAL", config={"max_concurrent_tasks": 4}, **ACTOR)

        assert (made.status, made.version, made.created_by) == ("created", 1, "ada")
        assert kinds(made) == ["instance.created"]

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"name": ""}, "name"), ({"name": "x" * 201}, "name"), ({"scope": "MOON"}, "scope"), ({"id": "a b"}, "id"),
            ({"id": "x" * 101}, "id"), ({"status": "paused"}, "status"), ({"config": []}, "config"),
            ({"config": {"max_concurrent_tasks": True}}, "config"), ({"config": {"confidence_threshold": 2}}, "config"),
            ({"config": {"auto_delegate": 1}}, "config"), ({"config": {"capabilities": 5}}, "config"),
            ({"config": {"delegation_timeout": -1}}, "config"), ({"instance_type": "eternal"}, "instance_type"),
        ],
    )  # fmt: skip
    def test_names_the_field_that_breaks_a_rule(self, fields, field):
        with nothing_stored(), pytest.raises(Invalid) as refusal:
            operations.create_instance(**{"name": "a", "scope": "PROJECT", **fields}, **ACTOR)

        assert list(refusal.value.errors) == [field]

    def test_keeps_settings_that_are_the_operators_own(self):
        config = {"colour": "green", "capabilities": ["python"]}

        assert operations.create_instance(name="a", scope="PROJECT", config=config, **ACTOR).config == config

    def test_refuses_a_living_twin(self):
        InstanceFactory(name="a")

        with nothing_stored(), pytest.raises(Invalid, match="has this name already"):
            operations.create_instance(name="a", scope="PROJECT", **ACTOR)

    @pytest.mark.parametrize(
        ("scope", "above", "allowed"),
        [
            ("GLOBAL", None, True), ("GLOBAL", "GLOBAL", False), ("ORCHESTRATION", None, False),
            ("ORCHESTRATION", "PROJECT", True), ("ORCHESTRATION", "GLOBAL", False), ("PROJECT", "PROJECT", True),
            ("PERSONAL", "FAMILY", True), ("FAMILY", "PERSONAL", False), ("EVENT", "FAMILY", True),
            ("FEDERATED", "GLOBAL", True), ("FEDERATED", "PROJECT", False),
        ],
    )  # fmt: skip
    def test_puts_each_scope_where_it_belongs(self, scope, above, allowed):
        parent = above and InstanceFactory(scope=above, name="above")
        if allowed:
            assert operations.create_instance(name="a", scope=scope, parent=parent, **ACTOR).parent == parent
            return

        with nothing_stored(), pytest.raises(Invalid, match=f"A {scope} instance sits under"):
            operations.create_instance(name="a", scope=scope, parent=parent, **ACTOR)

    def test_goes_16_levels_deep_and_no_deeper(self):
        lowest = chain(16)[-1]

        with nothing_stored(), pytest.raises(Invalid, match="deeper than 16 levels"):
            operations.create_instance(name="too deep", scope="PROJECT", parent=lowest, **ACTOR)
        assert operations.create_instance(name="fits", scope="PROJECT", parent=lowest.parent, **ACTOR)


class TestChangeInstance:
    """Changing fields and moving branches."""

    def test_tells_what_changed(self):
        changed = operations.change_instance(instance=InstanceFactory(), name="b", scope="PROJECT", **ACTOR)

        assert (changed.name, changed.version) == ("b", 2)
        assert Event.objects.get().payload == {"changed": ["name"]}

    @pytest.mark.parametrize("below", [0, 1, 2])
    def test_never_closes_a_circle(self, below):
        rows = chain(4)[1:]

        with nothing_stored(), pytest.raises(Invalid, match="the tree would become a circle"):
            operations.change_instance(instance=rows[0], parent=rows[below], **ACTOR)

        assert Instance.objects.get(pk=rows[0].pk).parent_id == rows[0].parent_id

    def test_never_moves_a_branch_too_deep(self):
        deep = chain(15)
        branch = InstanceFactory(parent=deep[0])
        InstanceFactory(parent=branch)

        with nothing_stored(), pytest.raises(Invalid, match="deeper than 16"):
            operations.change_instance(instance=branch, parent=deep[-1], **ACTOR)
        operations.change_instance(instance=branch, parent=deep[-2], **ACTOR)

        assert branch.pk in set(Instance.objects.descendants_of(deep[-2]).values_list("pk", flat=True))

    def test_refuses_a_scope_that_may_not_sit_there(self):
        row = InstanceFactory()

        with nothing_stored(), pytest.raises(Invalid, match="A ORCHESTRATION instance sits under"):
            operations.change_instance(instance=row, scope="ORCHESTRATION", **ACTOR)

    def test_refuses_a_scope_that_leaves_what_is_below_without_a_place(self):
        project = InstanceFactory(scope="PROJECT")
        InstanceFactory(scope="ORCHESTRATION", parent=project, name="run-1")
        with pytest.raises(Invalid, match="run-1") as refused:
            operations.change_instance(instance=project, scope="GLOBAL", **ACTOR)
        assert list(refused.value.errors) == ["scope"]


class TestAPersonalInstance:
    """What it has ever held stays with its owner (docs/adr/0017-instances.md)."""

    @pytest.fixture
    def mine(self):
        family = InstanceFactory(id="family", scope="FAMILY", config={"members": ["ada", "grace"]})
        return InstanceFactory(id="mine", scope="PERSONAL", parent=family, config={"owner": "ada"})

    @pytest.fixture
    def run(self, mine):
        return InstanceFactory(id="run", scope="ORCHESTRATION", parent=mine)

    @pytest.mark.parametrize("status", ["pending", "completed"])
    def test_keeps_what_is_below_it(self, run, status):
        over = timezone.now() if status == "completed" else None
        TaskFactory(instance=run, status=status, finished_at=over)
        project = InstanceFactory()

        with nothing_stored(), pytest.raises(Invalid, match="never leaves") as refused:
            operations.change_instance(instance=run, parent=project, **ACTOR)

        assert list(refused.value.errors) == ["parent"]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [({"config": {"owner": "grace"}}, "config"), ({"scope": "FAMILY", "parent": None, "config": {}}, "scope")],
    )
    def test_keeps_its_owner_and_its_scope(self, mine, changes, field):
        TaskFactory(instance=mine)

        with nothing_stored(), pytest.raises(Invalid, match="never leaves") as refused:
            operations.change_instance(instance=mine, **changes, **ACTOR)

        assert list(refused.value.errors) == [field]

    def test_moves_with_all_it_holds_to_where_its_owner_belongs(self, mine, run):
        TaskFactory(instance=run)

        assert operations.change_instance(instance=mine, parent=None, **ACTOR).parent is None

    def test_lets_go_of_what_never_had_work(self, run):
        project = InstanceFactory()

        assert operations.change_instance(instance=run, parent=project, **ACTOR).parent == project

    def test_sits_in_a_family_of_its_owner_only(self, mine):
        with nothing_stored(), pytest.raises(Invalid, match="alan is no member of"):
            operations.create_instance(
                name="hers", scope="PERSONAL", parent=mine.parent, config={"owner": "alan"}, **ACTOR
            )
        with nothing_stored(), pytest.raises(Invalid, match="ada is no member of"):
            operations.change_instance(instance=mine.parent, config={"members": ["grace"]}, **ACTOR)

    def test_belongs_to_who_made_it_unless_an_owner_is_named(self):
        assert operations.create_instance(name="a", scope="PERSONAL", **ACTOR).owner == "ada"


class TestALife:
    """Start, pause, resume, terminate."""

    def test_has_one_event_a_step(self):
        made = operations.create_instance(name="a", scope="PROJECT", **ACTOR)
        for verb in ("start", "pause", "resume", "terminate"):
            made = getattr(operations, f"{verb}_instance")(instance=made, **ACTOR)

        assert (made.status, made.version) == ("terminated", 5)
        assert made.terminated_at
        assert [(event.type, event.version) for event in Event.objects.about(made)] == [
            ("instance.created", 1), ("instance.started", 2), ("instance.paused", 3), ("instance.resumed", 4),
            ("instance.terminated", 5),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("verb", "status"),
        [
            ("start", "active"), ("start", "paused"), ("resume", "created"), ("resume", "active"), ("pause", "created"),
            ("pause", "paused"), ("start", "terminated"), ("resume", "terminated"), ("terminate", "terminated"),
        ],
    )  # fmt: skip
    def test_refuses_what_makes_no_sense(self, verb, status):
        row = InstanceFactory(status="active")
        Instance.objects.filter(pk=row.pk).update(
            status=status, terminated_at=row.created_at if status == "terminated" else None
        )
        row.refresh_from_db()

        with nothing_stored(), pytest.raises(HopperError, match=f"{row.name} is {status}"):
            getattr(operations, f"{verb}_instance")(instance=row, **ACTOR)

    def test_does_not_end_while_there_is_work(self):
        row = TaskFactory(instance=InstanceFactory()).instance

        with nothing_stored(), pytest.raises(operations.InstanceHasOpenWork, match="has open tasks"):
            operations.terminate_instance(instance=row, **ACTOR)

    def test_does_not_end_while_it_owes_an_answer(self):
        top, below = chain(2)
        make_hop(TaskFactory(), top, below)

        with nothing_stored(), pytest.raises(operations.InstanceHasOpenWork, match="has open delegations"):
            operations.terminate_instance(instance=below, **ACTOR)

    def test_gives_nothing_a_place_once_it_has_ended(self):
        ended, other = operations.terminate_instance(instance=InstanceFactory(), **ACTOR), InstanceFactory()

        with nothing_stored(), pytest.raises(Invalid, match="has ended: nothing sits under it"):
            operations.create_instance(name="late", scope="PROJECT", parent=ended, **ACTOR)
        with nothing_stored(), pytest.raises(Invalid, match="has ended: nothing sits under it"):
            operations.change_instance(instance=other, parent=ended, **ACTOR)

    def test_ends_with_its_whole_branch_or_not_at_all(self):
        rows = chain(4)
        busy = TaskFactory(instance=rows[2])

        with nothing_stored(), pytest.raises(operations.InstanceHasOpenWork, match="has open tasks") as refused:
            operations.terminate_branch(instance=rows[0], **ACTOR)
        assert refused.value.context == {"open_tasks": 1, "held_tasks": 0, "open_delegations": 0}
        type(busy).objects.filter(pk=busy.pk).update(instance=None)
        ended = operations.terminate_branch(instance=rows[0], reason="The end", **ACTOR)

        assert [row.pk for row in ended] == [row.pk for row in reversed(rows)]
        assert Event.objects.filter(type="instance.terminated", payload={"reason": "The end"}).count() == 4

    def test_does_not_end_before_what_is_below(self):
        top, below = chain(2)

        with nothing_stored(), pytest.raises(operations.InstanceHasOpenWork, match="terminate them first"):
            operations.terminate_instance(instance=top, **ACTOR)
        operations.terminate_instance(instance=below, **ACTOR)

        assert operations.terminate_instance(instance=top, **ACTOR).status == "terminated"


class TestDeleteInstance:
    """Deleting what nothing stands on."""

    def test_keeps_its_events(self):
        row = InstanceFactory(id="a")

        operations.delete_instance(instance=row, **ACTOR)

        assert Event.objects.get(aggregate_id="a").type == "instance.deleted"

    @pytest.mark.parametrize("user", [
        lambda row: InstanceFactory(parent=row), lambda row: ProjectFactory(instance=row),
        lambda row: TaskFactory(instance=row),
    ])  # fmt: skip
    def test_refuses_while_others_stand_on_it(self, user):
        row = InstanceFactory()
        user(row)

        with nothing_stored(), pytest.raises(StillInUse, match="move them first"):
            operations.delete_instance(instance=row, **ACTOR)
