"""What each project has shown by skill, as consolidation keeps it."""

from routing.learning.bounds import lower_bound
from routing.learning.record import Record
from routing.models import LearnedState
from routing.strategies import Proven

SKILLS = "skills"


def read_skills() -> Proven:
    """Return how often each project did well and badly by skill, decayed by age: one query."""
    newest = LearnedState.objects.filter(kind=SKILLS).order_by("-number").first()
    return _proven_of(newest) if newest else {}


def _proven_of(state: LearnedState) -> Proven:
    return {
        skill: {name: (right, wrong) for name, (right, wrong) in shown.items()}
        for skill, shown in state.metrics["proven"].items()
    }


def proven_by(*, project: str) -> dict[str, dict[str, float]]:
    """Return what one project has shown, by skill: `right`, `wrong` and `at_least`, the lower bound of its success."""
    shown = {skill: by_project[project] for skill, by_project in read_skills().items() if project in by_project}
    return {
        skill: {"right": right, "wrong": wrong, "at_least": round(lower_bound(right, right + wrong), 4)}
        for skill, (right, wrong) in sorted(shown.items())
    }


def keep_skills(record: Record) -> None:
    """Keep what was shown as a new state, if it differs from the last."""
    proven = record.proven()
    last = LearnedState.objects.filter(kind=SKILLS).order_by("-number").first()
    if last is None or _proven_of(last) != proven:
        number = last.number + 1 if last else 1
        LearnedState.objects.create(kind=SKILLS, number=number, arrays=b"", metrics={"proven": proven})
        LearnedState.objects.filter(kind=SKILLS, number__lt=number).delete()
