"""How busy a destination is, and how fast."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from routing.policy.types import SPEED, Floats, Roster, Say, TaskView

UNLIMITED = 50.0  # a project without capacity is taken to be half full at this many live leases


@dataclass(frozen=True)
class Workload:
    """Room left: `1 − load/capacity`, from live leases by project; less where the oldest open task is overdue.

    `oldest` is the age of the oldest open task by project, in days. Up to the usual time it counts nothing; beyond it
    the room shrinks to a half at most, since one forgotten task says little of the next.
    """

    live: Mapping[str, int] = field(default_factory=dict)
    oldest: Mapping[str, float] = field(default_factory=dict)

    def weigh(self, task: TaskView, roster: Roster) -> Say | None:
        load = _by_name(self.live, roster)
        usual = roster.usual_days
        late = np.maximum(_by_name(self.oldest, roster) - usual, 0)
        if not load.any() and not late.any():
            return None
        limited = np.isfinite(roster.capacity)
        room = np.where(
            limited, 1 - load / np.where(roster.capacity > 0, roster.capacity, 1), UNLIMITED / (UNLIMITED + load)
        )
        scores = np.clip(room, 0, 1) * (0.5 + 0.5 * usual / (usual + late))

        def reason(number: int) -> str | None:
            capacity = roster.candidates[number].capacity
            parts = [f"holds {load[number]:.0f} of {capacity} tasks"] if capacity and load[number] else []
            if late[number]:
                parts.append(f"its oldest task is {late[number]:.1f} days late")
            return " and ".join(parts) or None

        return Say("workload", scores, 2 * (scores - 1), reason, speaks=False)


def _by_name(values: Mapping[str, float], roster: Roster) -> Floats:
    return np.array([values.get(name, 0) for name in roster.names], float) if values else np.zeros(len(roster))


@dataclass(frozen=True)
class Velocity:
    """Can it meet the pace or the date that the task asks for."""

    def weigh(self, task: TaskView, roster: Roster) -> Say | None:
        wanted = [days for days in (SPEED.get(task.velocity or ""), task.days_left) if days is not None]
        if not wanted:
            return None
        allowed = max(min(wanted), 0.05)
        needed = roster.usual_days
        scores = np.clip(allowed / needed, 0, 1)
        return Say(
            "velocity", scores, 2 * (scores - 1),
            lambda n: None if scores[n] == 1 else f"usually needs {needed[n]:g} days, {allowed:.1f} are left",
            speaks=False,
        )  # fmt: skip
