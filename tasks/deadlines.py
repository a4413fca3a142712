"""When a task is due by what its place promises: SQL that finds and sorts, and plain thinking about what was found.

A promise counts from when the task could first be worked on, `began`: it was submitted, deferred until then, or freed
by the last task that it waited for. `response` holds until somebody starts, `completion` until it is over, and a due
date is a completion too. Promises belong to projects and change with them, so the deadlines are computed, not stored:
indexes of open tasks find what may be due, and no question looks at finished ones.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from django.db.models import Case, DateTimeField, DurationField, F, Q, Value, When
from django.db.models.functions import Coalesce, Least

from hopper.common.db.asked import Asked
from tasks.readiness import conditions

if TYPE_CHECKING:
    from projects.sla import Promises, Rule

Places = Mapping[str | None, "Promises"]  # by the name of the project; None: whatever has none

NEVER = datetime(9999, 12, 31, tzinfo=UTC)  # sorts after every moment
SOME_DAY = Value(NEVER, output_field=DateTimeField())
PRIORITIES = ("urgent", "high", "medium")  # by rank
OVER = ("completed", "failed", "cancelled")
LAST_QUARTER = 0.25  # of the time given is left: the promise is at risk
FEWEST = 5  # completions, or the wait is unknown
MOST_AHEAD = 1000  # places are counted to
Z_90 = 1.2815515655446004

# words as they are, so that SQLite too sees that a partial index has the row
IS_OPEN = Asked("{0} IN ('pending', 'routed', 'claimed', 'in_progress', 'blocked')", "status")
AHEAD = f"""CASE WHEN {{0}} = 'routed' AND {{1}} IS NOT NULL THEN 1 + (SELECT COUNT(*) FROM (
    SELECT 1 FROM tasks q WHERE q.project = {{1}} AND q.status = 'routed'
    AND (q.claim_rank, q.claim_by, q.created_at, q.id) < ({{2}}, {{3}}, {{4}}, {{5}}) LIMIT {MOST_AHEAD}) ahead) END"""  # noqa: S608


def held_back_by_none() -> Q:
    """Return whether nothing that the task waits for keeps it from being worked on."""
    met = conditions()
    return Q(met["dependencies"]) & Q(met["subtasks"]) & Q(met["parent"])


def unanswered() -> Q:
    """Return whether nobody has started it, though somebody could."""
    return Q(started_at=None, is_decomposed=False, status__in=["pending", "routed", "claimed"]) & held_back_by_none()


def response_at(places: Places) -> Any:
    """Return when the task has to be started, NEVER if that was not promised or is done."""
    moment = _after({name: promised.response for name, promised in places.items()})
    return Case(When(unanswered(), then=moment), default=SOME_DAY)


def completion_at(places: Places) -> Any:
    """Return when the task has to be over: when it is due, or earlier if that was promised."""
    moment = _after({name: promised.completion for name, promised in places.items()})
    return Least(Coalesce("due_at", SOME_DAY), moment)


def _after(lengths: Mapping[str | None, timedelta | None]) -> Any:
    """Return the moment so long after work could begin, by project; NEVER where there is no such moment."""
    places = [(Q(project__in=names), length) for length, names in _by_length(lengths).items()]
    if house := lengths.get(None):
        places.append((Q(project=None), house))
    if not places:
        return SOME_DAY
    whens = [When(there & Q(began__lte=NEVER - length), then=Value(length)) for there, length in places]
    return Coalesce(F("began") + Case(*whens, output_field=DurationField()), SOME_DAY)


def _by_length(lengths: Mapping[str | None, timedelta | None]) -> dict[timedelta, list[str]]:
    found: dict[timedelta, list[str]] = defaultdict(list)
    for name, length in lengths.items():
        if length is not None and name is not None:
            found[length].append(name)
    return found


def perhaps_before(places: Places, moment: datetime) -> Q:
    """Return whether a deadline of the task may lie before the moment, by the indexes alone."""
    shortest = {name: min(filter(None, (p.response, p.completion)), default=None) for name, p in places.items()}
    found = Q(due_at__lt=moment)
    for length, names in _by_length(shortest).items():
        found |= Q(project__in=names, began__lt=moment - length)
    if house := shortest.get(None):
        found |= Q(project=None, began__lt=moment - house)
    return found


def reached(rule: "Rule", *, moment: datetime, span: timedelta | None) -> Q:
    """Return whether what the rule counts from lies so long ago; `span` is the promise that it watches over."""
    since = Q(began__lte=moment - (span or timedelta()))
    match rule.when:
        case "waiting":
            queued = Q(status="routed") | Q(status="pending") & (Q(route_after=None) | Q(route_after__lt=NEVER))
            return queued & since & held_back_by_none()
        case "response":
            return since & unanswered()
        case "completion":
            return Q(due_at__lte=moment) | since if span else Q(due_at__lte=moment)
        case _:
            return Q(due_at__lte=moment)


def open_to(rule: "Rule") -> Q:
    """Return whether the rule's action can do anything for the task."""
    match rule.do:
        case "raise_priority":
            return Q(priority_rank__gt=PRIORITIES.index(rule.to or PRIORITIES[0]))
        case "relax":
            return Q(status__in=["pending", "routed"], is_decomposed=False) & ~Q(required_capabilities={})
        case "reassign":
            return Q(status__in=["routed", "claimed", "in_progress"], is_decomposed=False)
        case _:
            return Q()


class Dated(Protocol):
    """A task that was read `with_deadlines`."""

    status: str
    priority_rank: int
    required_now: dict[str, int]
    began: datetime
    response_at: datetime
    completion_at: datetime
    breaks_at: datetime
    due_at: datetime | None


@dataclass(frozen=True)
class Deadline:
    """The moment at which the first promise breaks.

    kind: response, completion or due · state: fine, at_risk (the last quarter of the time runs) or breached.
    """

    at: datetime
    kind: str
    state: str
    left: timedelta


def nearest_deadline(task: Dated, *, now: datetime) -> Deadline | None:
    """Return the deadline that comes first, None if nothing was promised or the task is over."""
    if task.breaks_at >= NEVER or task.status in OVER:
        return None
    left = task.breaks_at - now
    given = task.breaks_at - task.began
    state = "breached" if left <= timedelta() else "at_risk" if left <= given * LAST_QUARTER else "fine"
    kind = "due" if task.breaks_at == task.due_at else "completion"
    return Deadline(task.breaks_at, "response" if task.breaks_at == task.response_at else kind, state, left)


def next_step(
    task: Dated, rules: Iterable["Rule"], taken: Iterable[tuple[str, int]], *, now: datetime
) -> tuple["Rule", datetime] | None:
    """Return the step of a rule that comes next, and when, if nothing changes; queues have no clock."""
    moments = {
        "waiting": task.began if task.status in ("pending", "routed") else NEVER, "due": task.due_at or NEVER,
        "response": task.response_at, "completion": task.completion_at, "queue": NEVER,
    }  # fmt: skip
    done = set(taken)
    coming = [
        (rule, moments[rule.when] + rule.delay(step))
        for rule in rules if moments[rule.when] < NEVER and task.status not in OVER and _can_help(rule, task)
        for step in range(rule.times) if (str(rule), step) not in done and rule.delay(step) < NEVER - moments[rule.when]
    ]  # fmt: skip
    return min(((rule, at) for rule, at in coming if at > now), key=lambda step: step[1], default=None)


def _can_help(rule: "Rule", task: Dated) -> bool:
    match rule.do:
        case "relax":
            return bool(task.required_now)
        case "raise_priority":
            return task.priority_rank > PRIORITIES.index(rule.to or PRIORITIES[0])
        case _:
            return True


def expected_wait(place: int, completions: int, span: timedelta) -> tuple[timedelta, timedelta] | None:
    """Return how long a task at this place of the queue waits, at p50 and p90; None if too little was seen.

    If completions go on coming at the rate of the last ones, n in `span`, and each makes room for one task, then the
    wait for the k-th is Gamma(k) · span / n. Its quantiles by Wilson and Hilferty (1931):
    k · (1 − 1/9k + z · √(1/9k))³.
    While the queue was empty nobody could be quicker, so this errs on the late side.
    """
    if completions < FEWEST or place > MOST_AHEAD:
        return None
    ninth = 1 / (9 * place)
    p50, p90 = (place * (1 - ninth + z * math.sqrt(ninth)) ** 3 for z in (0.0, Z_90))
    return span / completions * p50, span / completions * p90
