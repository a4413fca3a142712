"""What an adviser is told of a task, and what may not be told at all."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from hopper.common.db.graph import steps_up
from instances.models import Instance
from routing.advisers import Option, Question
from routing.models import Episode
from routing.operations.dossier import Dossier
from routing.policy.types import Choice, Ranked, TaskView
from tasks.models import Task

MOST_OPTIONS = 20


def is_private(task: Task) -> bool:
    """Tell whether the task or one above it is or was in a PERSONAL or FAMILY branch: its text leaves to nobody."""
    family = steps_up(task.pk, Task._meta.db_table)
    rows = Task.objects.filter(pk__in=family).values_list("instance", "project__instance")
    were = Episode.objects.filter(task__in=family).order_by().values_list("chosen_instance", flat=True)
    places = {place for row in rows for place in row} | set(were)
    return Instance.objects.private().filter(pk__in=places - {None}).exists()


def is_in_doubt(choice: Choice) -> bool:
    """Tell whether Hopper abstained because it could not tell; a rule or the requester may have sent it to a person."""
    return not choice.is_routed and bool(choice.ranked) and "odds" in choice.evidence and not choice.evidence["review"]


def question_of(view: TaskView, choice: Choice, dossier: Dossier) -> tuple[Question, dict[str, str]]:
    """Return what is asked, and the project of each option by its key; the order tells nothing."""
    private = set(Instance.objects.private().values_list("pk", flat=True))
    places = [place for place in choice.ranked[:MOST_OPTIONS] if place.project and place.instance not in private]
    places.sort(key=lambda place: hashlib.sha256(f"{view.text}\n{place.project}".encode()).digest())
    options = {f"c{number}": place for number, place in enumerate(places, start=1)}
    examples = _examples(choice.evidence.get("neighbours", ()), private)
    question = plain_question(view, [_option(key, place, dossier, examples) for key, place in options.items()])
    return question, {key: place.project or "" for key, place in options.items()}


def plain_question(view: TaskView, options: Sequence[Option] = ()) -> Question:
    """Return the task as advisers are told of it."""
    return Question(view.title, view.description, view.tags, view.required, view.priority, tuple(options))


def digest_of(question: Question) -> str:
    """Return what the question is known by where it is not kept."""
    return hashlib.sha256(json.dumps(question.as_dict()).encode()).hexdigest()


def rivals_in(choice: Choice) -> float:
    """Return between how many places, "elsewhere" among them, there is doubt: 2 for two equal ones (perplexity)."""
    masses = [*(place.score for place in choice.ranked), choice.evidence["elsewhere"]]
    shares = [mass / sum(masses) for mass in masses if mass > 0]
    return math.exp(-sum(share * math.log(share) for share in shares))


def _option(key: str, place: Ranked, dossier: Dossier, examples: Mapping[str, list[str]]) -> Option:
    name = place.project or ""
    roster = dossier.knowledge.roster
    seen = roster.candidates[roster.index[name]]
    return Option(
        key, tags=seen.tags, capabilities=seen.capabilities, load=dossier.workload.get(name, 0),
        capacity=seen.capacity, examples=tuple(examples.get(name, ())),
    )  # fmt: skip


def _examples(neighbours: Sequence[Mapping[str, Any]], private: set[str]) -> dict[str, list[str]]:
    """Return the titles of the nearest confirmed tasks by their true project; nothing of private places."""
    near = {told["episode"]: told["project"] for told in neighbours}
    known = Episode.objects.filter(pk__in=near, task__isnull=False).exclude(chosen_instance__in=private)
    known = known.exclude(task__instance__in=private)
    found: dict[str, list[str]] = {}
    for key, title in known.order_by("pk").values_list("pk", "task__title"):
        found.setdefault(near[key], []).append(title)
    return found
