"""The life of tasks that are handed through a tree besides: hops of the model beside those of the database."""

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from hypothesis.strategies import integers, sampled_from

from hopper.common.db.clock import Now
from instances.models import Instance
from routing import operations
from routing.models import Delegation
from tasks.models import Task
from tasks.tests.life import TASKS, Life, read
from tasks.tests.life_model import HELD, Model
from tasks.tests.steps import ACTOR

TREE = {"top": None, "web": "top", "data": "top", "run": "web"}  # each below the other; run is an ORCHESTRATION
HOPS = "SELECT id, task_id, source_instance_id, target_instance_id, status FROM task_delegations"
HOP_LOG = "SELECT aggregate_id, type FROM events WHERE aggregate_type = 'routing.delegation' ORDER BY id"
CLOSED = ("completed", "cancelled", "rejected", "expired")
CHOICES = integers(0, 1000)


@dataclass
class Hop:
    """What the model knows of a delegation."""

    task: str
    source: str
    target: str
    status: str = "pending"
    was_accepted: bool = False

    @property
    def is_open(self):
        return self.status not in CLOSED


class DelegatedModel(Model):
    """The pieces, where each is, and its hops in the order of their making."""

    def __init__(self):
        super().__init__()
        self.places, self.hops = {}, {}

    def is_ready(self, key):
        return super().is_ready(key) and not self.offer_of(key)

    def hops_of(self, key):
        return [hop for hop in self.hops.values() if hop.task == key]

    def offer_of(self, key):
        return next((hop for hop in self.hops_of(key) if hop.status == "pending"), None)

    def declined(self, key):
        return {hop.target for hop in self.hops_of(key) if hop.status == "rejected"}

    def visits(self, key, place):
        hops = self.hops_of(key)
        began = hops[0].source if hops else self.places[key]
        return (began == place) + sum(hop.target == place and hop.was_accepted for hop in hops)

    def close_below(self, hop):
        """Cancel what leads on from the target of the hop."""
        place, met = hop.target, {id(hop)}
        while lower := next(
            (h for h in self.hops_of(hop.task) if h.is_open and h.source == place and id(h) not in met), None
        ):
            lower.status, place = "cancelled", lower.target
            met.add(id(lower))

    def settle(self):
        """Close the hops of tasks that have ended or were taken from where they were."""
        for hop in self.hops.values():
            status = self[hop.task].status
            if hop.is_open and status in ("completed", "failed", "cancelled", "pending"):
                hop.status = "completed" if status == "completed" and hop.status == "accepted" else "cancelled"

    def let_go(self, key):
        piece = self[key]
        if piece.status in HELD:
            piece.fence, piece.attempts, piece.status = piece.fence + 1, piece.attempts - 1, "routed"


class DelegatedLife(Life):
    """Tasks of a small tree, where nothing is handed down by itself."""

    model = DelegatedModel

    @initialize()
    def plant(self):
        for key, above in TREE.items():
            scope = "ORCHESTRATION" if key == "run" else "PROJECT"
            Instance.objects.create(
                id=key, name=key, scope=scope, status="active", parent_id=above, config={"auto_delegate": False}
            )

    @property
    def home(self):
        return Instance.objects.filter(pk="web").first()

    def say_by(self, key, verb):
        was = self.pieces[key].status
        super().say_by(key, verb)
        if verb in ("place", "return", "retry") and self.pieces[key].status != was:
            self.pieces.places[key] = "web" if verb == "place" and self.home else None

    @precondition(lambda self: self.standing("routed", *HELD))
    @rule(which=TASKS, goal=sampled_from(sorted(TREE)), with_fence=st.booleans())
    def delegate(self, which, goal, with_fence):
        key = self.key(which, self.standing("routed", *HELD))
        piece, place = self.pieces[key], self.pieces.places.get(key)
        proof = {"fence": piece.fence, "owner": "ada"} if with_fence else {}
        may = (
            piece.status in (HELD if with_fence else ["routed"]) and place is not None and place != goal
            and not self.pieces.offer_of(key) and goal not in self.pieces.declined(key)
        )  # fmt: skip
        kind = "route" if TREE[goal] == place else "escalate" if goal in way(place)[1:] else "reassign"
        made = []
        if not self.hold(may, lambda: made.append(operations.delegate_task(
            task=Task(pk=key), target=Instance.objects.get(pk=goal), delegation_type=kind, **proof, **ACTOR
        ))):  # fmt: skip
            return
        self.pieces.let_go(key)
        if made[0] is None:
            assert self.pieces.visits(key, goal) >= 2
            piece.status = "pending"
            self.pieces.places[key] = next(step for step in way(place) if step in way(goal))
        else:
            assert self.pieces.visits(key, goal) < 2
            self.pieces.hops[made[0].pk] = Hop(key, place, goal)

    @precondition(lambda self: self.pieces.hops)
    @rule(which=CHOICES)
    def accept(self, which):
        hop, row = self.hop(which)
        may = hop.status == "pending" and self.pieces[hop.task].status == "routed"
        if not self.hold(may, lambda: operations.accept_delegation(delegation=row, **ACTOR)):
            return
        hop.status, hop.was_accepted = "accepted", True
        self.pieces.close_below(hop)
        self.pieces.places[hop.task] = hop.target

    @precondition(lambda self: self.pieces.hops)
    @rule(which=CHOICES)
    def reject(self, which):
        hop, row = self.hop(which)
        is_there = self.pieces.places.get(hop.task) == hop.target and self.pieces[hop.task].status == "routed"
        may = hop.status == "pending" or (hop.status == "accepted" and is_there)
        if not self.hold(may, lambda: operations.reject_delegation(delegation=row, reason_code="busy", **ACTOR)):
            return
        self.back(hop, "rejected")

    @precondition(lambda self: self.pieces.hops)
    @rule(which=CHOICES)
    def take_back(self, which):
        hop, row = self.hop(which)
        may = hop.status == "pending" or (
            hop.status == "accepted" and self.pieces[hop.task].status in ("routed", *HELD)
        )
        if not self.hold(may, lambda: operations.cancel_delegation(delegation=row, **ACTOR)):
            return
        self.back(hop, "cancelled")

    @precondition(lambda self: self.pieces.hops)
    @rule(which=CHOICES)
    def complete_hop(self, which):
        hop, row = self.hop(which)
        key = hop.task
        may = hop.status == "accepted" and self.pieces.places.get(key) == hop.target and self.pieces.is_ready(key)
        if not self.hold(may, lambda: operations.complete_delegation(delegation=row, **ACTOR)):
            return
        self.pieces.claim(key)
        self.pieces[key].status = "completed"
        self.pieces.follow_up(key)

    @precondition(lambda self: any(hop.status == "pending" for hop in self.pieces.hops.values()))
    @rule()
    def let_the_offers_expire(self):
        Delegation.objects.offered().update(expires_at=Now() - timedelta(seconds=1))
        offers = [hop for hop in self.pieces.hops.values() if hop.status == "pending"]
        assert operations.settle_delegations()["expired"] == len(offers)
        for hop in offers:
            hop.status = "expired"

    def hop(self, which):
        """Return one of the hops, an open one five times of six, with its row."""
        some = [key for key, hop in self.pieces.hops.items() if hop.is_open] if which % 6 else []
        some = some or list(self.pieces.hops)
        key = some[which // 6 % len(some)]
        return self.pieces.hops[key], Delegation.objects.get(pk=key)

    def back(self, hop, status):
        was_accepted, hop.status = hop.status == "accepted", status
        if was_accepted:
            self.pieces.close_below(hop)
            self.pieces.let_go(hop.task)
            self.pieces.places[hop.task] = hop.source

    @invariant()
    def model_and_database_agree(self):
        self.pieces.settle()
        super().model_and_database_agree()
        self.hops_agree()

    def hops_agree(self):
        """Hold that every hop stands where the model has it, and was told to be over once, if it is."""
        rows = {key: tuple(rest) for key, *rest in read(HOPS)}
        assert rows == {key: (h.task, h.source, h.target, h.status) for key, h in self.pieces.hops.items()}
        told = {key: [] for key in rows}
        for key, kind in read(HOP_LOG):
            told[key].append(kind.removeprefix("delegation."))
        for key, hop in self.pieces.hops.items():
            steps = ["created", *(["accepted"] if hop.was_accepted else []), *([] if hop.is_open else [hop.status])]
            assert told[key] == steps


def way(place):
    """Return the place and what is above it."""
    steps = []
    while place:
        steps.append(place)
        place = TREE[place]
    return steps
