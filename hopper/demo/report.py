"""How well it went, as numbers and as tables."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from hopper.common.db.info import database_kind
from hopper.demo.run import Outcome

BINS = 5


def measure(outcomes: Sequence[Outcome], *, seconds: float, routing_seconds: float) -> dict[str, Any]:
    """Return the demo's figures; shares are 0–1.

    top1, top3 and ece are over all unseen tasks that belong somewhere, decided or not;
    accuracy_decided is over what was decided, where a task that belongs nowhere is always wrong.
    """
    placed = [outcome for outcome in outcomes if outcome.case.label]
    decided = [outcome for outcome in outcomes if outcome.routed]
    return {
        "tasks": len(outcomes),
        "routed": len(decided),
        "reviewed": len(outcomes) - len(decided),
        "coverage": _share(len(decided), len(outcomes)),
        "top1": _share(sum(outcome.is_right for outcome in placed), len(placed)),
        "top3": _share(sum(outcome.case.label in outcome.ranked for outcome in placed), len(placed)),
        "accuracy_decided": _share(sum(outcome.is_right for outcome in decided), len(decided)),
        "ece": round(_calibration_error(placed), 4),
        "decisions_per_second": round(len(outcomes) / max(routing_seconds, 1e-9), 1),
        "seconds": round(seconds, 1),
        "database": database_kind(),
        "embedding": "none",
        "graph": "none",
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _bins(outcomes: Sequence[Outcome], count: int) -> list[tuple[float, float, int]]:
    """Return (mean confidence, accuracy, tasks) for each filled bin of confidence."""
    sure = np.array([outcome.confidence for outcome in outcomes])
    right = np.array([outcome.is_right for outcome in outcomes])
    numbers = np.minimum((sure * count).astype(int), count - 1)
    return [
        (float(sure[numbers == n].mean()), float(right[numbers == n].mean()), int((numbers == n).sum()))
        for n in np.unique(numbers)
    ]


def _calibration_error(outcomes: Sequence[Outcome]) -> float:
    """Return the expected calibration error over ten equal bins (Naeini et al., 2015)."""
    if not outcomes:
        return 0.0
    return sum(abs(sure - right) * tasks for sure, right, tasks in _bins(outcomes, 10)) / len(outcomes)


def show(console: Console, figures: dict[str, Any], outcomes: Sequence[Outcome]) -> None:
    """Print the tables and three explained decisions."""
    console.print(_summary(figures, outcomes))
    console.print(_by_project(outcomes))
    console.print(_calibration(outcomes))
    for title, style, outcome in _telling(outcomes):
        truth = outcome.case.label or "none of the projects"
        text = f"[bold]{outcome.case.title}[/bold]\n{outcome.reasoning}\n[dim]It truly belongs to {truth}.[/dim]"
        console.print(Panel(text, title=title, border_style=style))


def _summary(figures: dict[str, Any], outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="What Hopper did with tasks it had never seen", show_header=False)
    table.add_row("tasks", f"{figures['tasks']:,}")
    table.add_row("routed by itself", f"{figures['routed']:,} ({figures['coverage']:.1%})")
    table.add_row("sent to a person", f"{figures['reviewed']:,}")
    table.add_row("right, of those it routed", f"[bold green]{figures['accuracy_decided']:.1%}[/bold green]")
    table.add_row("right at first guess, of all", f"{figures['top1']:.1%}")
    table.add_row("right among its first three", f"{figures['top3']:.1%}")
    homeless = [outcome for outcome in outcomes if outcome.case.label is None]
    if homeless:
        table.add_row("belong nowhere", f"{len(homeless)}, of which {sum(not o.routed for o in homeless)} to a person")
    table.add_row("calibration error", f"{figures['ece']:.3f}")
    table.add_row("decisions per second", f"{figures['decisions_per_second']:,}")
    return table


def _by_project(outcomes: Sequence[Outcome]) -> Table:
    table = Table("project", "tasks", "routed", "right of routed", title="By true project")
    for label in sorted({outcome.case.label for outcome in outcomes if outcome.case.label}):
        mine = [outcome for outcome in outcomes if outcome.case.label == label]
        routed = [outcome for outcome in mine if outcome.routed]
        right = f"{_share(sum(o.is_right for o in routed), len(routed)):.0%}" if routed else "–"
        table.add_row(label, str(len(mine)), str(len(routed)), right)
    return table


def _calibration(outcomes: Sequence[Outcome]) -> Table:
    table = Table("it said", "it was", "tasks", title="When it says how sure it is, is it?")
    for sure, right, tasks in _bins([o for o in outcomes if o.case.label], BINS):
        table.add_row(f"{sure:.0%}", f"{right:.0%}", str(tasks))
    return table


def _telling(outcomes: Sequence[Outcome]) -> list[tuple[str, str, Outcome]]:
    """Return one right, one wrong and one abstained decision that show the most."""
    kinds = {
        ("Right", "green"): [o for o in outcomes if o.routed and o.is_right],
        ("Wrong", "red"): [o for o in outcomes if o.routed and not o.is_right],
        ("Not sure, so it asks", "yellow"): [o for o in outcomes if not o.routed and len(o.ranked) > 1],
    }
    return [(title, style, _middle(found)) for (title, style), found in kinds.items() if found]


def _middle(outcomes: list[Outcome]) -> Outcome:
    return sorted(outcomes, key=lambda outcome: outcome.confidence)[len(outcomes) // 2]
