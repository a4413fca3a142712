"""Skills that people missed on tasks become proposals: add the tag to those tasks, or never ask again."""

from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import transaction

from feedback.models import TagDismissal
from feedback.querysets import FeedbackQuerySet
from hopper.common.errors import HopperError
from hopper.common.fields import normalise_tag
from hopper.events import operations as log
from tasks import operations as tasks
from tasks.models import Task

NEWEST = 5000  # judgements that are looked at


class NothingToTag(HopperError):
    """No judgement misses this tag on a task of this project that still lacks it."""

    code = "nothing_to_tag"


@dataclass
class Proposal:
    """A skill that people missed on tasks of one project (empty: of none), and the tasks that still lack it."""

    project: str
    tag: str
    tasks: list[Task] = field(default_factory=list)


def propose_tags(*, feedback: FeedbackQuerySet) -> list[Proposal]:
    """Return what the judgements propose and nobody dismissed, the most often missed first."""
    found: dict[tuple[str, str], Proposal] = {}
    for judged in feedback.that_miss_a_tag()[:NEWEST]:
        project = judged.task.project_id or ""
        for tag in _missing(judged.task, judged.required_skills_not_tagged):
            found.setdefault((project, tag), Proposal(project, tag)).tasks.append(judged.task)
    dismissed = _dismissed()
    kept = [proposal for key, proposal in found.items() if key not in dismissed]
    return sorted(kept, key=lambda one: (-len(one.tasks), one.project, one.tag))


@transaction.atomic
def accept_tag(
    *, feedback: FeedbackQuerySet, project: str, tag: str, actor: str, as_capability: bool = False
) -> int:  # fmt: skip
    """Add the tag, or the required capability, to every task that was judged to miss it; return how many.

    :raises NothingToTag: if there is no such task
    """
    missing = next((one for one in propose_tags(feedback=feedback) if (one.project, one.tag) == (project, tag)), None)
    if missing is None:
        raise NothingToTag
    for task in missing.tasks:
        tagged = {"tags": [*task.tags, tag]}
        required = {"required_capabilities": {**task.required_capabilities, tag: 1}}
        tasks.change_task(task=task, actor=actor, **(required if as_capability else tagged))
    return len(missing.tasks)


@transaction.atomic
def dismiss_tag(*, project: str, tag: str, actor: str) -> TagDismissal:
    """Propose the tag for this project no more.

    :raises Invalid: if it is no tag, or dismissed already
    """
    row = TagDismissal(project=project, tag=tag.strip().casefold(), dismissed_by=actor[:100])
    return log.create_row(row, kind="retag.dismissed", actor=actor)


def restore_tag(*, dismissal: TagDismissal, actor: str) -> None:
    """Propose the tag again."""
    log.delete_row(dismissal, kind="retag.restored", actor=actor)


def _missing(task: Task, skills: list[str]) -> set[str]:
    """Return the skills as tags, without those the task has by now and those that can be none."""
    names = set()
    for skill in skills:
        try:
            names.add(normalise_tag(skill))
        except ValidationError:  # people may write what they like
            continue
    return names - {*task.tags, *task.required_capabilities}


def _dismissed() -> set[tuple[str, str]]:
    return set(TagDismissal.objects.values_list("project", "tag"))
