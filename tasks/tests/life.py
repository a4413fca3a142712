"""A model of tasks beside the database: whatever is asked in whatever order, both agree.

`Life` knows a few tasks, what each waits for, and the rules of tasks/operations; it says what an operation must
do, does it, and compares. Rules of another app are added by a subclass: a rule that asks `self.hold(allowed, change)`
and then writes what follows into `self.pieces`.
"""

from contextlib import suppress
from datetime import timedelta

from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import integers, sampled_from

from hopper.common.db.clock import Now
from hopper.common.errors import HopperError
from projects.models import Project
from tasks import operations
from tasks.models import Task
from tasks.tests.life_model import BY_FENCE, HELD, OPEN, OVER, PLAIN, RESTATES, TOLD, Model, Piece
from tasks.tests.life_verbs import Crash, dying_at, say
from tasks.tests.steps import ACTOR

MOST = 6
COLUMNS = (
    "id", "status", "fence", "attempts", "parent_id", "is_decomposed", "lease_owner", "lease_until", "finished_at",
    "failed_at", "version", "title", "updated_at",
)  # fmt: skip
ROWS = f"SELECT {', '.join(COLUMNS)} FROM tasks"
LOG = "SELECT id, aggregate_id, type, version FROM events WHERE aggregate_type = 'tasks.task' AND id > {} ORDER BY id"
LIVE_CLAIMS = "SELECT task_id, fence FROM task_claims WHERE released_at IS NULL"
TASKS = integers(0, 7 * MOST - 1)  # see `Life.key`
FENCES = sampled_from(["live", "live", "live", "live", "stale", "ahead"])
OWNERS = sampled_from(["ada", "ada", None, "bob"])


class Life(RuleBasedStateMachine):
    """A few tasks, and what we hold of them."""

    model, home = Model, None  # the instance that tasks are placed at

    def __init__(self):
        super().__init__()
        self.whole = transaction.atomic()
        self.whole.__enter__()
        Project.objects.create(name="sark", slug="sark")
        self.pieces, self.rows, self.is_refused = self.model(), {}, False
        self.seen = 0  # of the log

    def teardown(self):
        transaction.set_rollback(True)
        self.whole.__exit__(None, None, None)

    # -- what may be asked

    @initialize(limit=integers(1, 3))
    def begin(self, limit):
        for _ in range(3):
            self.submit(limit, None)
            self.say_by(f"task-{len(self.pieces) - 1}", "place")

    @precondition(lambda self: len(self.pieces) < MOST)
    @rule(limit=integers(1, 3), below=st.none() | TASKS)
    def submit(self, limit, below):
        parent, key = None if below is None else self.key(below), self.new_key()
        operations.submit_task(
            id=key, title="a", max_attempts=limit, parent=parent and Task.objects.get(pk=parent), route=False, **ACTOR
        )
        self.pieces[key] = Piece(limit, parent)

    @rule(which=TASKS, verb=sampled_from(sorted(PLAIN)))
    def say(self, which, verb):
        self.say_by(self.key(which, self.standing(*PLAIN[verb][0])), verb)

    def say_by(self, key, verb):
        piece, (said_in, becomes) = self.pieces[key], PLAIN[verb]
        more = {"instance": self.home} if verb == "place" else {}
        if not self.hold(piece.status in said_in, lambda: say(verb, key, **more)):
            return
        if verb == "cancel":
            self.pieces.cancel(key)
        piece.status = becomes
        piece.attempts = 0 if verb == "retry" else piece.attempts

    @precondition(lambda self: self.ready())
    @rule(which=TASKS, at_once=st.booleans())
    def claim(self, which, at_once):
        """Claim a task; a person completes it at once."""
        key = self.key(which, self.ready())
        verb, proof = ("complete", {"fence": None, "owner": None}) if at_once else ("claim", {})
        if not self.hold(self.pieces.is_ready(key), lambda: say(verb, key, **proof)):
            return
        self.pieces.claim(key)
        if at_once:
            self.pieces[key].status = "completed"
            self.pieces.follow_up(key)

    @rule(number=integers(1, 3))
    def claim_next(self, number):
        wanted = self.ready()[:number]
        assert [task.pk for task in operations.claim_next(owner="ada", count=number)] == wanted
        for key in wanted:
            self.pieces.claim(key)

    @rule(which=TASKS, verb=sampled_from(sorted(BY_FENCE)), fence=FENCES, owner=OWNERS)
    def say_with_fence(self, which, verb, fence, owner):
        said_in, becomes = BY_FENCE[verb]
        key = self.key(which, self.standing(*said_in))
        piece = self.pieces[key]
        number = max(piece.fence + {"live": 0, "stale": -1, "ahead": 1}[fence], 0)
        may = piece.status in said_in and number == piece.fence and owner != "bob"
        if not self.hold(may, lambda: say(verb, key, fence=number, owner=owner)):
            return
        piece.is_expired = False if verb == "heartbeat" else piece.is_expired
        if verb == "release":
            piece.fence, piece.attempts = piece.fence + 1, piece.attempts - 1
        piece.status = becomes or piece.status
        if becomes in ("completed", "failed"):
            self.pieces.follow_up(key)

    @precondition(lambda self: self.standing(*HELD))
    @rule(which=TASKS)
    def let_the_lease_run_out(self, which):
        """Time passes: the one thing here that no operation does."""
        key = self.key(which, self.standing(*HELD))
        held = Task.objects.filter(pk=key, status__in=HELD)
        self.pieces[key].is_expired = bool(held.update(lease_until=Now() - timedelta(seconds=1)))

    @precondition(lambda self: any(piece.is_expired for piece in self.pieces.values()))
    @rule()
    def reap(self):
        lost = {key: piece for key, piece in self.pieces.items() if piece.status in HELD and piece.is_expired}
        assert operations.reap_leases() == len(lost)
        for piece in lost.values():
            piece.fence, piece.status = piece.fence + 1, "failed" if piece.attempts >= piece.limit else "routed"
        for key, piece in lost.items():
            if piece.status == "failed":
                self.pieces.follow_up(key)

    @rule(which=TASKS, other=TASKS, kind=sampled_from(["blocks", "conditional"]))
    def depend(self, which, other, kind):
        key, on = self.key(which, self.standing(*OPEN)), self.key(other, self.standing(*OPEN))
        rows = {"task": Task(pk=key), "depends_on": Task(pk=on)}
        may = on not in self.pieces[key].waits and key not in self.pieces.needed_by(on)
        if self.hold(may, lambda: operations.add_dependency(**rows, kind=kind, **ACTOR)):
            self.pieces[key].waits[on] = kind

    @precondition(lambda self: len(self.pieces) < MOST)
    @rule(which=TASKS, is_holder=st.booleans())
    def decompose(self, which, is_holder):
        key, new = self.key(which, self.standing(*(HELD if is_holder else ["routed"]))), self.new_key()
        piece = self.pieces[key]
        proof = {"fence": piece.fence, "owner": "ada"} if is_holder else {}
        may = piece.status in HELD if is_holder else piece.status == "routed"
        if not self.hold(may, lambda: say("decompose", key, subtasks=[{"id": new, "title": "part"}], **proof)):
            return
        if piece.status in HELD:
            piece.fence, piece.attempts, piece.status = piece.fence + 1, piece.attempts - 1, "routed"
        piece.is_decomposed = True
        self.pieces[new] = Piece(parent=key)

    @rule(which=TASKS, verb=sampled_from([*PLAIN, *BY_FENCE, "claim", "decompose", "reap"]), at=integers(1, 20))
    def crash(self, which, verb, at):
        """The process dies at one of its statements or right before the commit; nothing of it stays."""
        key = self.key(which)
        more = {"fence": self.pieces[key].fence, "owner": None} if verb in BY_FENCE else {}
        more |= {"subtasks": [{"title": "part"}]} if verb == "decompose" else {}
        with suppress(Crash, HopperError), transaction.atomic(), dying_at(at):
            operations.reap_leases() if verb == "reap" else say(verb, key, **more)
            raise Crash
        self.is_refused = True

    # -- what follows

    def key(self, which, fit=()):
        """Return one of the tasks that fit; now and then, or if none does, any."""
        some = list(fit if fit and which % 7 else self.pieces)
        return some[which // 7 % len(some)]

    def standing(self, *statuses):
        return [key for key, piece in self.pieces.items() if piece.status in statuses]

    def ready(self):
        return [key for key in self.pieces if self.pieces.is_ready(key)]

    def new_key(self):
        return f"task-{len(self.pieces)}"

    def hold(self, allowed, change):
        """Hold that the change is made just when it is allowed, and that a refused one leaves no trace."""
        try:
            change()
        except HopperError as refusal:
            assert not allowed, refusal
            self.is_refused = True
        else:
            assert allowed
        return allowed

    # -- what always holds

    @invariant()
    def model_and_database_agree(self):
        before, self.rows = self.rows, {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in read(ROWS)}
        if self.is_refused:
            assert self.rows == before
        self.is_refused = False
        for key, piece in self.pieces.items():
            assert self.rows[key]["fence"] >= before.get(key, self.rows[key])["fence"]
            agree(self.rows[key], piece)
        self.read_log()
        held = [(key, piece.fence) for key, piece in self.pieces.items() if piece.status in HELD]
        assert sorted(read(LIVE_CLAIMS)) == sorted(held)

    def read_log(self):
        """Hold that it tells each version and each move once, and ends where the task stands."""
        for number, key, kind, version in read(LOG.format(self.seen)):
            self.seen = number
            piece = self.pieces[key]
            assert version == piece.version + 1
            assert TOLD.get(kind) != piece.told or kind in RESTATES
            piece.version, piece.told = version, TOLD.get(kind, piece.told)
        for key, row in self.rows.items():
            assert (row["version"], row["status"]) == (self.pieces[key].version, self.pieces[key].told)


def live(life, lives, steps=50):
    """Live that many lives of at most so many steps, the same ones each time."""
    swift = settings(
        max_examples=lives, stateful_step_count=steps, suppress_health_check=list(HealthCheck),
        derandomize=True, database=None, phases=[Phase.generate],
    )  # fmt: skip
    run_state_machine_as_test(life, settings=swift)


def read(sql):
    """Return the rows of the statement; a model of them would take longer than most operations."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def agree(row, piece):
    """Hold that the row is as the model says, and that its columns fit each other."""
    assert (row["status"], row["fence"], row["attempts"]) == (piece.status, piece.fence, piece.attempts)
    assert (row["parent_id"], row["is_decomposed"]) == (piece.parent, piece.is_decomposed)
    assert (row["lease_owner"] is not None) == (row["lease_until"] is not None) == (row["status"] in HELD)
    assert (row["finished_at"] is not None) == (row["status"] in OVER)
    assert row["status"] != "failed" or row["failed_at"] is not None
