"""The demo's work, each step through the product's own operations."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.core.management import call_command
from django.utils.text import slugify

from feedback.operations import import_confirmed
from hopper.demo.source import Case, Cases
from instances.models import Instance
from instances.operations import create_instance
from projects.models import Project
from projects.operations import register_project
from routing import operations as routing
from routing.models import Decision
from tasks.models import Task
from tasks.operations import submit_task

ACTOR = "demo"
BATCH = 500
SKILLS = 6
WORD = re.compile(r"[a-z][a-z-]{3,30}")

SEEDS_ARE_BEFORE = datetime(2026, 11, 15, tzinfo=UTC)  # the seeds carry fixed times of early November

Tick = Callable[[int], None]


@dataclass(frozen=True)
class Outcome:
    """What became of one unseen task."""

    case: Case
    task_id: str
    routed: bool
    ranked: tuple[str, ...]
    confidence: float
    reasoning: str

    @property
    def best(self) -> str | None:
        return self.ranked[0] if self.ranked else None

    @property
    def is_right(self) -> bool:
        return self.case.label is not None and self.best == self.case.label


def prepare_places(cases: Cases, *, is_sample: bool) -> dict[str, Project]:
    """Bring the tree and the projects: the seeds, or one project and instance for each label."""
    if is_sample:
        call_command("loaddata", "seeds", verbosity=0)
    else:
        top = create_instance(
            id="global", name="Global", scope=Instance.Scope.GLOBAL, status=Instance.Status.ACTIVE, actor=ACTOR
        )
        skills = distinctive_words(cases.confirmed)
        for label in cases.labels:
            _register(label, skills[label], top)
    return Project.objects.in_bulk(cases.labels)


def _register(label: str, skills: list[str], top: Instance) -> None:
    instance = create_instance(
        name=label, scope=Instance.Scope.PROJECT, parent=top, status=Instance.Status.ACTIVE, actor=ACTOR
    )
    slug = slugify(label)[:100] or None
    register_project(name=label, slug=slug, capabilities=skills, instance=instance, actor=ACTOR)


def distinctive_words(confirmed: Sequence[Case]) -> dict[str, list[str]]:
    """Return the words that set each label's confirmed tasks apart: share here against share elsewhere."""
    here: dict[str, Counter[str]] = {}
    for case in confirmed:
        here.setdefault(case.label or "", Counter()).update(set(WORD.findall(case.title.lower())))
    everywhere = sum(here.values(), Counter())
    return {
        label: sorted(words, key=lambda word: (-(words[word] ** 2) / (everywhere[word] + 5), word))[:SKILLS]
        for label, words in here.items()
    }


def teach(cases: Cases, projects: dict[str, Project], tick: Tick) -> None:
    """Import the confirmed part in bulk, and fit the learned factor to it."""
    known = [case for case in cases.confirmed if case.label]
    for start in range(0, len(known), BATCH):
        batch = known[start : start + BATCH]
        import_confirmed(rows=[_row(case) | {"project": projects[case.label or ""]} for case in batch], actor=ACTOR)
        tick(len(batch))
    routing.refit()


def route_live(cases: Cases, tick: Tick) -> list[Outcome]:
    """Submit the unseen tasks one at a time; the doorbell routes each."""
    outcomes = []
    for case in cases.unseen:
        task = submit_task(actor=ACTOR, **_row(case))
        outcomes.append(_outcome(case, Decision.objects.get(task=task)))
        tick(1)
    return outcomes


def _row(case: Case) -> dict:
    return {
        "title": case.title, "description": case.description, "source": Task.Source.LOCAL,
        "source_instance_id": ACTOR, **case.fields,
    }  # fmt: skip


def _outcome(case: Case, decision: Decision) -> Outcome:
    others = [place["project"] for place in decision.alternatives]
    routed = decision.outcome == Decision.Outcome.ROUTED
    ranked = [decision.project_id, *others] if routed else others
    return Outcome(case, decision.task_id, routed, tuple(ranked[:3]), decision.confidence, decision.reasoning)
