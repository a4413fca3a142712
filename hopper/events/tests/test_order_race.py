"""Order per row while workers fail and are killed (reliability.md A8): no event of a thousand passes another."""

import pytest

from hopper.tests.race import race
from tasks.operations import create_tasks, update_tasks

pytestmark = [pytest.mark.processes, pytest.mark.untraced]
ROWS, VERSIONS = 40, 25
DONE = "SELECT COUNT(*) FROM deliveries WHERE status = 'done'"


@pytest.fixture
def carried(settings, transactional_db, shared_url, tmp_path):
    """Have the workers carry a thousand events; return what came, in order, and how often workers were killed."""
    settings.CONSUMERS = {"task.stored": ["ordered"], "task.submitted": ["ordered"], "task.changed": ["ordered"]}
    settings.CARRIES = {"ordered": "event"}
    tasks = create_tasks(rows=[{"title": "a"} for _ in range(ROWS)], actor="ada")
    for version in range(2, VERSIONS + 1):
        update_tasks(rows=[{"id": task.pk, "title": f"b{version}"} for task in tasks], actor="ada")
    log = tmp_path / "log"

    def carry(*, naive):
        kills = race("hopper.events.tests.carriers", shared_url(), log=str(log), naive=naive)
        lines = [line.split() for line in log.read_text().splitlines()]
        return [(key, int(version)) for key, version in lines], sum(kills)

    return carry


def inversions(came):
    """Count the events that came after a later one of their row."""
    latest, count = {}, 0
    for key, version in came:
        count += version < latest.get(key, 0)
        latest[key] = max(version, latest.get(key, 0))
    return count


class TestAThousandEvents:
    def test_come_out_of_order_from_a_naive_queue(self, carried):
        came, _ = carried(naive=True)
        assert inversions(came) > 10

    def test_come_in_order_and_none_is_lost(self, carried, rows_of):
        came, kills = carried(naive=False)
        assert inversions(came) == 0
        assert len(set(came)) == ROWS * VERSIONS < len(came), "some came twice, which is allowed"
        assert kills >= 6, "of twelve that are meant"
        assert rows_of(DONE)[0][0] == ROWS * VERSIONS
