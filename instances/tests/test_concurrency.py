import pytest

from hopper.tests.race import race
from instances.models import Instance
from instances.tests.factories import InstanceFactory

ROUNDS = {"naive": 10, "guarded": 150}
CIRCLES = """
    SELECT COUNT(*) FROM hopper_instances a JOIN hopper_instances b ON a.parent_id = b.id AND b.parent_id = a.id
    WHERE a.id LIKE '{way}-%'"""


@pytest.mark.processes
class TestTwoMovers:
    """One session moves A under B while the other moves B under A."""

    @pytest.mark.untraced
    def test_close_a_circle_when_the_check_is_naive_and_never_when_it_is_ours(self, shared_url, rows_of):
        rows = [f"{way}-{side}-{n}" for way, rounds in ROUNDS.items() for n in range(rounds) for side in "ab"]
        Instance.objects.bulk_create(InstanceFactory.build(id=key, name=key) for key in rows)

        moved = race("instances.tests.movers", shared_url(), **ROUNDS)

        circles = {way: rows_of(CIRCLES.format(way=way))[0][0] // 2 for way in ROUNDS}
        assert circles["naive"] > 0, "the harness does not race"
        assert circles["guarded"] == 0
        assert sum(moved) == ROUNDS["guarded"]
        placed = "SELECT COUNT(*) FROM hopper_instances WHERE id LIKE 'guarded-%' AND parent_id IS NOT NULL"
        assert rows_of(placed) == [(ROUNDS["guarded"],)]
