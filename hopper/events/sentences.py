"""Every kind of event, and what it says to a person; docs/events.md shows the same list.

`{name}` is a value of the payload, or `{actor}`; a part in brackets is left out where one of its values is missing.
"""

import re
from collections.abc import Mapping
from typing import Any

SENTENCES = {
    "task.submitted": "Submitted[ from {source}]",
    "task.stored": "Stored without being routed[, from {source}]",
    "task.imported": "Imported as finished work[ of {project}]",
    "task.changed": "Changed: {changed}",
    "task.identified": "Tied to its counterpart elsewhere",
    "task.deleted": "Deleted",
    "task.routed": "Routed[ to {project}][ at {instance}][ (confidence {confidence})]",
    "task.review_requested": "A person has to look[: confidence {confidence}]",
    "task.returned": "Sent back to be routed anew",
    "task.retried": "Sent round again after its failure",
    "task.claimed": "Claimed by {actor}",
    "task.started": "Begun by {actor}",
    "task.released": "Given back by {actor}[: {reason}]",
    "task.lease_expired": "Lease lost[ by {held_by}]",
    "task.completed": "Completed[ by its {subtasks} subtasks]",
    "task.failed": "Failed[: {reason}][, as the lease of {held_by} ran out on the last attempt]",
    "task.cancelled": "Cancelled[: {reason}]",
    "task.blocked": "Parked[: {reason}]",
    "task.unblocked": "Can be claimed again",
    "task.aged": "Waited so long that it goes first",
    "task.escalated": "Escalated by {rule}, step {step}: {action}[. {reason}]",
    "task.moved": "Went to {instance}[ from {came_from}]",
    "task.kept": "Stays at {instance}[. {reason}]",
    "task.decomposed": "Split into {subtasks}",
    "task.subtask_lost": "Its subtask {subtask} is {status}",
    "task.dependency_added": "Waits for {depends_on}",
    "task.dependency_removed": "No longer waits for {depends_on}",
    "task.dependencies_changed": "Waits for[ {depends_on}]",
    "task.freed": "Free to begin: {by} is over",
    "task.blocker_lost": "What it waits for, {by}, is {status}",
    "task.delegation_removed": "A hop that was over was deleted",
    "task.duplicate_suggested": "May repeat another task ({similarity} alike)",
    "task.duplicate_confirmed": "Confirmed as a duplicate",
    "task.duplicate_dismissed": "No duplicate after all",
    "delegation.created": "Offered[ to {target}] by {level}",
    "delegation.accepted": "The offer of {level} was accepted[ by {target}]",
    "delegation.rejected": "The offer of {level} was rejected[ by {target}][: {reason}]",
    "delegation.expired": "The offer of {level} was not answered in time[ by {target}]",
    "delegation.cancelled": "The hop from {level}[ to {target}] was cancelled[: {reason}]",
    "delegation.completed": "The hop from {level}[ to {target}] was completed",
    "delegation.changed": "The hop was changed: {changed}",
    "delegation.deleted": "The hop was deleted",
    "feedback.recorded": "Judged by {actor}",
    "feedback.changed": "Judged anew by {actor}",
    "feedback.withdrawn": "The judgement was taken back",
    "mapping.created": "Tied to another platform",
    "mapping.changed": "The tie to another platform was changed: {changed}",
    "mapping.deleted": "The tie to another platform was cut",
    "question.asked": "Asked an adviser[, the {adviser}]",
    "question.answered": "{actor} named a place",
    "question.abstained": "{actor} could not tell",
    "question.failed": "{actor} gave no usable answer",
    "question.expired": "{actor} took too long",
    "question.overtaken": "Somebody was quicker than {actor}",
    "advice.wanted": "Asked for advice on its {asked_for}",
    "advice.proposed": "Advice on its {asked_for} was proposed",
    "advice.accepted": "Advice on its {asked_for} was accepted",
    "advice.dismissed": "Advice on its {asked_for} was dismissed",
    "advice.failed": "There is no advice on its {asked_for}",
    "project.registered": "Registered as {name}",
    "project.changed": "Changed: {changed}",
    "project.merged": "Merged into {into}",
    "project.deleted": "Deleted",
    "instance.created": "Created as {name} ({scope})",
    "instance.changed": "Changed: {changed}",
    "instance.started": "Started",
    "instance.paused": "Paused[: {reason}]",
    "instance.resumed": "Resumed",
    "instance.closing": "Takes nothing new[: {reason}]",
    "instance.terminated": "Ended[: {reason}]",
    "instance.deleted": "Deleted",
    "pattern.created": "Learned or written",
    "pattern.changed": "Changed: {changed}",
    "pattern.deleted": "Deleted",
    "policy.created": "Created",
    "policy.changed": "Changed: {changed}",
    "policy.deleted": "Deleted",
    "policy_version.created": "Version {number} was created",
    "policy_version.changed": "Changed: {changed}",
    "policy_version.shadowed": "Version {number} decides in silence",
    "policy_version.unshadowed": "Version {number} no longer decides in silence",
    "policy_version.activated": "Version {number} is in force",
    "policy_version.retired": "No longer in force",
    "policy_version.deleted": "Deleted",
    "proposal.made": "A rule was proposed",
    "proposal.accepted": "The rule was accepted",
    "proposal.dismissed": "The rule was dismissed",
    "attention.reset": "The weight of an expert was set back[ to {weight}]",
    "retag.dismissed": "A missing tag was dismissed",
    "retag.restored": "A dismissed tag is looked at again",
}
PART = re.compile(r"\[([^\]]*)\]")
NAME = re.compile(r"\{(\w+)\}")
LONGEST = 200  # of a value


def sentence_for(kind: str, *, actor: str, payload: Mapping[str, Any]) -> str:
    """Say in words what happened; of a kind that no code of today writes, its name."""
    values = {name: _said(value) for name, value in {**payload, "actor": actor}.items()}
    pieces = PART.split(SENTENCES.get(kind, kind))  # texts and parts by turns
    return "".join((_part if place % 2 else _filled)(text, values) for place, text in enumerate(pieces))


def _part(text: str, values: Mapping[str, str]) -> str:
    return _filled(text, values) if all(values.get(name) for name in NAME.findall(text)) else ""


def _filled(text: str, values: Mapping[str, str]) -> str:
    return NAME.sub(lambda found: values.get(found[1]) or "?", text)


def _said(value: Any) -> str:
    match value:
        case None:
            return ""
        case float():
            text = f"{value:.2f}"
        case list():
            text = ", ".join(map(_said, value))
        case _:
            text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
