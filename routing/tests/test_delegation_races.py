"""Parts and wholes that end, fail and are handed on at once: each level is told once, and nobody meets a deadlock."""

from collections import Counter

import pytest
from django.db import connection
from django.utils import timezone

from hopper.tests.race import race
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Delegation
from routing.tests.relayers import complete, end, hand_on, take_back
from tasks.models import Task

ROUNDS = {"naive": 20, "guarded": 100 if connection.vendor == "postgresql" else 50}
# How often each hop was told to be over, beside whether it is.
TOLD = """
    SELECT h.status, SUM(CASE WHEN e.type IN ('delegation.completed', 'delegation.cancelled') THEN 1 ELSE 0 END)
    FROM task_delegations h LEFT JOIN events e ON e.aggregate_id = h.id AND e.aggregate_type = 'routing.delegation'
    WHERE h.task_id LIKE '{way}-%' GROUP BY h.id, h.status"""
WHOLES = """
    SELECT w.status, (SELECT COUNT(*) FROM tasks p WHERE p.parent_id = w.id AND p.status = 'completed'),
        (SELECT COUNT(*) FROM events e WHERE e.aggregate_id = w.id AND e.type = 'task.completed'),
        (SELECT COUNT(*) FROM task_delegations h WHERE h.task_id = w.id AND h.status IN ('pending', 'accepted'))
    FROM tasks w WHERE w.id LIKE 'guarded-whole-%'"""


def begin():
    """A whole at `top` for each round, its two parts two hops further down at `run`."""
    top = InstanceFactory(id="top")
    web = InstanceFactory(id="web", parent=top)
    InstanceFactory(id="run", scope="ORCHESTRATION", parent=web)
    InstanceFactory(id="data", parent=top)
    project = ProjectFactory(name="crm")
    tasks, hops = [], []
    for way, rounds in ROUNDS.items():
        for n in range(rounds):
            whole = Task(id=f"{way}-whole-{n}", title="w", status="routed", project=project, instance=top)
            whole.is_decomposed = True
            tasks.append(whole)
            for part in "ab":
                key = f"{way}-{part}-{n}"
                tasks.append(
                    Task(id=key, title=part, status="routed", project=project, instance_id="run", parent=whole)
                )
                hops += [
                    Delegation(task_id=key, source_instance_id=source, target_instance_id=target, status="accepted",
                               delegated_at=timezone.now(), accepted_at=timezone.now())
                    for source, target in (("top", "web"), ("web", "run"))
                ]  # fmt: skip
    Task.objects.bulk_create(tasks)
    Delegation.objects.bulk_create(hops)


@pytest.mark.processes
class TestFourSessions:
    @pytest.mark.untraced
    def test_tell_each_level_once_and_meet_no_deadlock(self, shared_url, rows_of):
        begin()

        met = sum(map(Counter, race("routing.tests.relayers", shared_url(), **ROUNDS)), Counter())

        doubled = [told for _, told in rows_of(TOLD.format(way="naive")) if told > 1]
        assert doubled, "the harness does not race"
        told = Counter(rows_of(TOLD.format(way="guarded")))
        assert {key for key in told if key[1] != (key[0] in ("completed", "cancelled"))} == set()
        assert met.keys() <= {act.__name__ for act in (complete, end, take_back, hand_on)} | {"refused"}
        assert min(met[act.__name__] for act in (complete, end, take_back, hand_on)) > ROUNDS["guarded"] / 10
        for status, parts_completed, completions, open_hops in rows_of(WHOLES):
            assert (status == "completed") == (parts_completed == 2) == (completions == 1)
            assert open_hops == 0 or status == "routed"
