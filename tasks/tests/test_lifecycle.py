"""A model of the lifecycle beside the database: whatever is asked in whatever order, both agree."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from hopper.common.errors import HopperError
from hopper.events.models import Event
from projects.models import Project
from tasks import operations
from tasks.models import Task, TaskClaim

ACTOR = {"actor": "ada"}
HELD = ("claimed", "in_progress")
# verb: the statuses it may be said in, and what the task becomes
PLAIN = {
    "place": ({"pending"}, "routed"),
    "review": ({"pending"}, "pending"),
    "return": ({"routed"}, "pending"),
    "block": ({"routed", "in_progress"}, "blocked"),
    "unblock": ({"blocked"}, "routed"),
    "cancel": ({"pending", "routed", "claimed", "in_progress", "blocked", "failed"}, "cancelled"),
    "retry": ({"failed"}, "pending"),
}
BY_FENCE = {
    "start": ({"claimed"}, "in_progress"),
    "complete": ({"claimed", "in_progress"}, "completed"),
    "fail": ({"claimed", "in_progress"}, "failed"),
    "release": ({"claimed", "in_progress"}, "routed"),
    "heartbeat": ({"claimed", "in_progress"}, None),
}
FENCES = st.sampled_from(["live", "stale", "ahead"])
OWNERS = st.sampled_from([None, "ada", "bob"])


def say(verb, task):
    routing = {"confidence": 1.0, "reasoning": "because", **ACTOR}
    match verb:
        case "place":
            project = Project.objects.get_or_create(name="sark", slug="sark")[0]
            return operations.place_task(task=task, project=project, instance=None, **routing)
        case "review":
            return operations.hold_for_review(task=task, **routing)
        case "return":
            return operations.return_to_routing(task=task, **ACTOR)
    return getattr(operations, f"{verb}_task")(task=task, **ACTOR)


def say_with_fence(verb, **proof):
    also = {} if verb == "heartbeat" else ACTOR
    return getattr(operations, f"{verb}_task")(**proof, **also)


class Life(RuleBasedStateMachine):
    """One task, and what we hold of it."""

    @initialize(limit=st.integers(1, 3))
    def submit(self, limit):
        self.task = operations.submit_task(title="a", max_attempts=limit, route=False, **ACTOR)
        self.status, self.fence, self.attempts, self.events, self.limit = "pending", 0, 0, 1, limit

    def hold(self, allowed, change):
        """Hold that the change is made just when it is allowed, and that a refused one leaves no trace."""
        before = Task.objects.values().get(pk=self.task.pk)
        try:
            change()
        except HopperError:
            assert not allowed
            assert Task.objects.values().get(pk=self.task.pk) == before
        else:
            assert allowed
        return allowed

    @rule(verb=st.sampled_from(sorted(PLAIN)))
    def say(self, verb):
        said_in, becomes = PLAIN[verb]
        if self.hold(self.status in said_in, lambda: say(verb, self.task)):
            self.status, self.events = becomes, self.events + 1
            self.attempts = 0 if verb == "retry" else self.attempts

    @rule()
    def claim(self):
        may = self.status == "routed" and self.attempts < self.limit
        if self.hold(may, lambda: operations.claim_task(task_id=self.task.pk, owner="ada")):
            self.status, self.fence, self.attempts = "claimed", self.fence + 1, self.attempts + 1
            self.events += 1

    @rule(verb=st.sampled_from(sorted(BY_FENCE)), fence=FENCES, owner=OWNERS)
    def say_with_fence(self, verb, fence, owner):
        said_in, becomes = BY_FENCE[verb]
        number = self.fence + {"live": 0, "stale": -1, "ahead": 1}[fence]
        may = self.status in said_in and fence == "live" and owner != "bob"
        proof = {"task_id": self.task.pk, "fence": max(number, 0), "owner": owner}
        if self.hold(may, lambda: say_with_fence(verb, **proof)) and becomes:
            self.events += 2 if self.status == "claimed" and verb in ("complete", "fail") else 1
            self.status = becomes
        if may and verb == "release":
            self.fence, self.attempts = self.fence + 1, self.attempts - 1

    @rule(title=st.sampled_from(["a", "b"]))
    def reword(self, title):
        changes = Task.objects.get(pk=self.task.pk).title != title
        operations.change_task(task=self.task, title=title, **ACTOR)
        self.events += changes

    @invariant()
    def the_row_is_as_the_model_says(self):
        task = Task.objects.get(pk=self.task.pk)
        assert (task.status, task.fence, task.attempts) == (self.status, self.fence, self.attempts)
        assert (task.lease_owner is not None) == (task.lease_until is not None) == (self.status in HELD)
        assert (task.finished_at is not None) == (self.status in ("completed", "cancelled"))
        assert task.status != "failed" or task.failed_at is not None
        assert task.version == self.events

    @invariant()
    def there_is_one_event_for_each_version(self):
        versions = Event.objects.about(self.task).values_list("version", flat=True)
        assert list(versions) == list(range(1, self.events + 1))

    @invariant()
    def there_is_one_live_claim_just_while_it_is_held(self):
        live = TaskClaim.objects.filter(task=self.task, released_at=None)
        assert [claim.fence for claim in live] == ([self.fence] if self.status in HELD else [])


@pytest.mark.django_db
class TestTheLifeOfATask:
    """Every order of verbs."""

    @pytest.mark.untraced
    def test_agrees_with_its_model(self):
        checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
        modest = settings(
            max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=checks, derandomize=True
        )

        run_state_machine_as_test(Life, settings=modest)
