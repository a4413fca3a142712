"""What was learned, as the database keeps it: the newest fit, the lessons and votes since, and the attention."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from routing.learning.history import MOST_FAILURES, History, Told, Trial
from routing.learning.memory import LONGEST_TAIL, Memory
from routing.learning.model import Arrays, Model
from routing.learning.recall import Lesson
from routing.models import AttentionWeight, EpisodeJudgement, LearnedState
from routing.models.decision import DecidedBy
from routing.operations.reading import meaning_of
from routing.policy.types import text_of

STATE = "two-views-2"  # the kind of learned states: raise it with any change of their arrays
GLOBAL = "global"
MOST_TRIALS = 20_000  # as many as a fit knows examples
HINT = 0.5  # what became of the work tells half as much of a place as what somebody said


@dataclass(frozen=True)
class Learned:
    """A memory with the outcomes behind it, and until when it knows the lessons (None: none of them) and the votes.

    `attention` has the weights of the experts by scope.
    """

    memory: Memory = field(default_factory=Memory)
    history: History = field(default_factory=History)
    until: datetime | None = None
    weighed: datetime | None = None
    attention: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def memories(self) -> dict[str, Memory]:
        """The memory by scope, each with the attention that holds there."""
        known = {GLOBAL: self.memory}
        return known | {scope: replace(self.memory, attention=weights) for scope, weights in self.attention.items()}


def read_model() -> Learned:
    """Return the newest fitted model, and the moments until which it knows every lesson and every vote.

    One that learned from another encoder's meanings goes by words.
    """
    state = LearnedState.objects.filter(kind=STATE).order_by("-number").first()
    if state is None:
        return Learned()
    model = Model(Arrays.from_bytes(bytes(state.arrays)))
    until = datetime.fromisoformat(state.metrics["judged_until"])
    weighed = state.metrics.get("weighed_until")
    weighed_until = datetime.fromisoformat(weighed) if weighed else None
    return Learned(Memory(model, state.number), _read_history(until), until, weighed_until)


def _read_history(until: datetime) -> History:
    """Return the outcomes that a fit stands on: two queries, whatever their number."""
    judged = EpisodeJudgement.objects.until(until).of_trials().order_by("-updated_at", "-pk")
    failed = judged.unplaced().with_text()[:MOST_FAILURES]
    known = (Told(episode, Trial(project, right == project, at.timestamp(), _faith(signal)))
             for episode, project, right, at, signal in judged.as_trials()[:MOST_TRIALS])  # fmt: skip
    return History().learn(known).learn([told_by(judgement) for judgement in failed][::-1])


def catch_up(learned: Learned) -> Learned:
    """Let the memory learn what came after its moments."""
    memory, encoder = learned.memory, learned.memory.encoder
    rows = EpisodeJudgement.objects.all()
    lessons = rows.with_meaning() if encoder else rows.with_text()
    lessons = lessons.changed_after(learned.until) if learned.until else lessons
    fresh = list(lessons.order_by("-updated_at", "-pk")[:LONGEST_TAIL])[::-1]
    weighed = rows.weighed_after(learned.weighed or datetime.fromtimestamp(0, UTC))
    votes = list(weighed.values_list("pk", "reliability", "weighed_at"))
    memory = memory.learn([lesson_of(judgement, encoder) for judgement in fresh], {pk: trust for pk, trust, _ in votes})
    return Learned(
        memory, learned.history.learn(told_by(judgement) for judgement in fresh),
        fresh[-1].updated_at if fresh else learned.until, votes[-1][2] if votes else learned.weighed,
        learned.attention,
    )  # fmt: skip


def told_by(judgement: EpisodeJudgement) -> Told:
    """Return what a judgement tells of the place where its task was sent."""
    chosen = judgement.episode.chosen_project
    if chosen is None or judgement.signal == judgement.Signal.WITHDRAWN:
        return Told(judgement.pk, None)
    trial = Trial(
        chosen, judgement.right_project == chosen, judgement.episode.routed_at.timestamp(), _faith(judgement.signal)
    )
    is_unplaced = judgement.right_project is None and judgement.episode.task is not None
    return Told(judgement.pk, trial, replace(lesson_of(judgement, ""), project=chosen) if is_unplaced else None)


def _faith(signal: str) -> float:
    return 1.0 if signal == EpisodeJudgement.Signal.FEEDBACK else HINT


def lesson_of(judgement: EpisodeJudgement, encoder: str) -> Lesson:
    """Return what a judgement teaches; with an encoder its text is read in both views."""
    task = judgement.episode.task
    kept = getattr(task, "meaning", None) if encoder else None
    return Lesson.of(
        episode=judgement.pk, text=text_of(task.title, task.description, task.tags) if task else "",
        project=judgement.right_project if task else None, reliability=judgement.reliability,
        meaning=meaning_of(task, encoder=encoder, kept=kept) if task and encoder else None,
        is_feedback=judgement.episode.strategy != DecidedBy.HUMAN,
    )  # fmt: skip


def read_attention() -> dict[str, dict[str, float]]:
    """Return the weight of every expert that has one besides the fit's, by scope: the house, and instances."""
    found: dict[str, dict[str, float]] = {GLOBAL: {}}
    for scope, factor, weight in AttentionWeight.objects.values_list("scope", "factor", "weight"):
        found.setdefault(scope, {})[factor] = weight
    return found
