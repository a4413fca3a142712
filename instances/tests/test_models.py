import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from instances.models import Instance, InstanceMoveNotAllowed
from instances.tests.factories import InstanceFactory
from tasks.tests.factories import TaskFactory

MOVES = {
    "created": {"active", "terminated"},
    "active": {"paused", "terminated"},
    "paused": {"active", "terminated"},
    "terminated": set(),
}


class TestMoveTo:
    """The life of an instance, in memory."""

    @pytest.mark.parametrize("was", Instance.Status.values)
    @pytest.mark.parametrize("wanted", Instance.Status.values)
    def test_allows_just_the_moves_of_the_table(self, was, wanted):
        instance = Instance(name="a", status=was)

        if wanted in MOVES[was]:
            instance.move_to(wanted, description="moved")
            assert (instance.status, instance.description) == (wanted, "moved")
        else:
            with pytest.raises(InstanceMoveNotAllowed, match=f"a is {was}, so it cannot become {wanted}"):
                instance.move_to(wanted)
            assert instance.status == was


@pytest.mark.django_db
class TestTheTable:
    """What holds whoever writes."""

    @pytest.mark.parametrize(
        ("name", "fields"),
        [
            ("instance_id_is_short", {"id": "x" * 101}),
            ("instance_is_not_its_own_parent", {"id": "self", "parent_id": "self"}),
            ("instance_has_an_end_iff_terminated", {"status": "terminated"}),
            ("instance_has_an_end_iff_terminated", {"terminated_at": timezone.now()}),
            ("instance_scope_is_known", {"scope": "MOON"}),
            ("instance_type_is_known", {"instance_type": "eternal"}),
            ("instance_(status_is_known|has_an_end)", {"status": "lost"}),
        ],
    )
    def test_refuses(self, name, fields):
        with pytest.raises(DatabaseError, match=f"{name}|value too long"), transaction.atomic():
            InstanceFactory(**fields)

    def test_holds_one_living_instance_per_scope_and_name(self):
        InstanceFactory(name="a", status="terminated", terminated_at=timezone.now())
        InstanceFactory(name="a")
        InstanceFactory(name="a", scope="EVENT")

        with pytest.raises(IntegrityError), transaction.atomic():
            InstanceFactory(name="a")


@pytest.fixture
def tree():
    """Give root → (near → (leaf), far)."""
    root = InstanceFactory(id="root", name="Root", scope="GLOBAL")
    near = InstanceFactory(id="near", name="Near", parent=root)
    InstanceFactory(id="far", name="Far", parent=root, status="paused")
    InstanceFactory(id="leaf", name="Leaf", parent=near, scope="ORCHESTRATION")
    return root


def keys(rows):
    return [row.pk for row in rows]


@pytest.mark.django_db
@pytest.mark.usefixtures("tree")
class TestQuestions:
    """The catalogue of questions about the tree."""

    def test_walk_up_and_down(self):
        assert set(keys(Instance.objects.ancestors_of("leaf"))) == {"near", "root"}
        assert set(keys(Instance.objects.descendants_of("root"))) == {"near", "far", "leaf"}
        assert keys(Instance.objects.children_of("root").order_by("pk")) == ["far", "near"]
        assert keys(Instance.objects.ancestors_of("root")) == keys(Instance.objects.descendants_of("leaf")) == []

    def test_take_several_branches(self):
        assert set(keys(Instance.objects.in_branches(["near", "far"]))) == {"near", "far", "leaf"}

    def test_walk_in_order(self):
        rows = Instance.objects.in_tree_order()

        assert [(row.pk, row.tree_depth) for row in rows] == [("root", 0), ("far", 1), ("near", 1), ("leaf", 2)]

    def test_find_by_scope_and_name(self):
        assert keys(Instance.objects.named(scope="PROJECT", name="Near")) == ["near"]
        assert not Instance.objects.named(scope="GLOBAL", name="Near").exists()

    def test_tell_who_takes_work(self):
        assert set(keys(Instance.objects.active())) == {"root", "near", "leaf"}
        assert Instance.objects.living().count() == 4

    def test_count_open_work(self):
        TaskFactory(instance_id="near")
        TaskFactory(instance_id="near", status="cancelled", finished_at=timezone.now())

        assert {row.pk: row.open_tasks for row in Instance.objects.with_open_work()} == {
            "root": 0, "near": 1, "far": 0, "leaf": 0,
        }  # fmt: skip
