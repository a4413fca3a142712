"""Patterns that judged episodes show, as rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from hopper.events import operations as log
from hopper.events.operations import HOPPER
from instances.models import Instance
from projects.models import Project
from routing.learning.criteria import words_of
from routing.learning.ledger import Judged
from routing.learning.mining import FEWEST, Criteria, Finding
from routing.models import EpisodeJudgement, Pattern, PatternEvidence

MOST_EPISODES = 100_000  # the newest judged ones are mined
AT_ONCE = 2000
LONGEST_NAME = 200
NOTICED = 0.01  # a smaller change of confidence is not worth an event


@dataclass
class Changes:
    """What a run made of the patterns, for its log."""

    found: list[Pattern] = field(default_factory=list)
    on: list[Pattern] = field(default_factory=list)
    off: list[Pattern] = field(default_factory=list)


def private_projects() -> set[str]:
    """Return the projects of people and families: what is known of them stays with them."""
    private = Instance.objects.private().values("pk")
    return set(Project.objects.filter(instance__in=private).values_list("pk", flat=True))


def read_judged() -> Iterator[Judged]:
    """Yield the newest judged episodes of tasks that are nobody's private matter."""
    private = private_projects()
    rows = EpisodeJudgement.objects.outcomes().order_by("-updated_at", "-pk")[:MOST_EPISODES]
    for row in rows.iterator(chunk_size=AT_ONCE):
        said_wrong = row["right_project"] is None and row["signal"] == EpisodeJudgement.Signal.FEEDBACK
        tells_nothing = row["right_project"] is None and not said_wrong  # taken back, or a mere hint
        if tells_nothing or private & {row["right_project"], row["chosen"]}:
            continue
        yield Judged(
            key=row["pk"], at=row["routed_at"].timestamp(), title=row["title"] or "", description=row["opening"],
            tags=tuple(row["tags"] or ()), priority=row["priority"], right=row["right_project"], chosen=row["chosen"],
            source=row["source_instance"] or row["source"], skills=tuple(row["skills"] or ()),
        )  # fmt: skip


def known_criteria() -> dict[Criteria, list[Pattern]]:
    """Return the patterns that can be judged, by what they look at; several may look at the same."""
    known: dict[Criteria, list[Pattern]] = {}
    for pattern in Pattern.objects.filter(target_project__isnull=False).order_by("pk"):
        words = [words_of(str(text), None) for text in pattern.text_criteria]
        if len(words) > 1 or any(len(found) != 1 for found in words):
            continue  # phrases and alternatives are written by people and not mined
        tags = [f"#{tag}" for tag in pattern.tag_criteria]
        keys = [*tags, *(found[0] for found in words), *([f"!{p}"] if (p := pattern.priority_criteria) else [])]
        if keys:
            criteria = Criteria(tuple(sorted(keys)), pattern.target_project or "", pattern.is_anti_pattern)
            known.setdefault(criteria, []).append(pattern)
    return known


def store_findings(
    findings: Sequence[Finding], known: dict[Criteria, list[Pattern]], *, now: datetime | None = None
) -> Changes:
    """Make, strengthen, weaken and switch off patterns as found; what people wrote gets its evidence alone."""
    changes, now = Changes(), now or timezone.now()
    projects = set(Project.objects.values_list("pk", flat=True))
    evidence: list[PatternEvidence] = []
    for finding in findings:
        rows = known.get(finding.criteria)
        if rows is None and finding.holds and finding.criteria.target in projects:
            rows = [_make(finding, now)]
            changes.found += rows
        for pattern in rows or ():
            if pattern.source == Pattern.Source.LEARNED and pattern not in changes.found:
                _refine(pattern, finding, changes, is_there=pattern.target_project in projects, now=now)
            evidence += [PatternEvidence(
                pattern=pattern, source=seen.source[:100], window=seen.window, successes=seen.successes,
                failures=seen.failures,
            ) for seen in finding.evidence]  # fmt: skip
    _replace_evidence(evidence, [pattern for rows in known.values() for pattern in rows])
    return changes


def _make(finding: Finding, now: datetime) -> Pattern:
    keys = finding.criteria.keys
    tags, words, priority = _by_kind(keys)
    kinds = (Pattern.Type.TAG if tags else None, Pattern.Type.TEXT if words else None,
             Pattern.Type.PRIORITY if priority else None)  # fmt: skip
    present = [kind for kind in kinds if kind]
    row = Pattern(
        name=_name(finding.criteria), pattern_type=present[0] if len(present) == 1 else Pattern.Type.COMBINED,
        target_project=finding.criteria.target, tag_criteria=tags, text_criteria=words, priority_criteria=priority,
        confidence=finding.confidence, is_anti_pattern=finding.criteria.is_anti, source=Pattern.Source.LEARNED,
        last_refined_at=now, **_counts(finding),
    )  # fmt: skip
    return log.create_row(row, kind="pattern.created", actor=HOPPER, unique=False)


def _refine(pattern: Pattern, finding: Finding, changes: Changes, *, is_there: bool, now: datetime) -> None:
    """Follow what was found; a pattern that too few newer episodes speak of stays as it is, an anti-pattern ends.

    What keeps tasks away also keeps away the episodes that could speak for a destination.
    """
    if finding.trials < FEWEST and is_there and not pattern.is_anti_pattern:
        return
    is_active = finding.holds and is_there
    if is_active == pattern.is_active and abs(finding.confidence - pattern.confidence) < NOTICED:
        return
    fields = {"is_active": is_active, "confidence": finding.confidence, "last_refined_at": now, **_counts(finding)}
    if is_active != pattern.is_active:
        (changes.on if is_active else changes.off).append(pattern)
    log.change_row(pattern, kind="pattern.changed", actor=HOPPER, changes=fields)


def _counts(finding: Finding) -> dict[str, int]:
    """Return how often it held in our own newer episodes; for an anti-pattern, how often the destination failed."""
    own = [seen for seen in finding.evidence if (seen.source, seen.window) == ("local", "newer")]
    good, bad = sum(seen.successes for seen in own), sum(seen.failures for seen in own)
    return {"success_count": bad, "failure_count": good} if finding.criteria.is_anti else \
        {"success_count": good, "failure_count": bad}  # fmt: skip


def _by_kind(keys: Iterable[str]) -> tuple[list[str], list[str], str | None]:
    keys = list(keys)
    tags = [key[1:] for key in keys if key[0] == "#"]
    words = [key for key in keys if key[0] not in "#!"]
    return tags, words, next((key[1:] for key in keys if key[0] == "!"), None)


def _name(criteria: Criteria) -> str:
    tags, words, priority = _by_kind(criteria.keys)
    parts = [*(f"tag {tag}" for tag in tags), *(f"word {word}" for word in words)]
    parts += [f"priority {priority}"] if priority else []
    arrow = "fails at" if criteria.is_anti else "→"
    return f"{' and '.join(parts)} {arrow} {criteria.target}"[:LONGEST_NAME]


def _replace_evidence(evidence: list[PatternEvidence], judged: list[Pattern]) -> None:
    PatternEvidence.objects.filter(pattern__in=[pattern.pk for pattern in judged]).delete()
    PatternEvidence.objects.bulk_create(evidence, batch_size=500)
