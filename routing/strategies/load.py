"""How busy a destination is, and how fast."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from routing.policy.types import Roster, Say, TaskView

SPEED = {"fast": 1.0, "medium": 3.0, "slow": 10.0, "glacial": 30.0}  # usual days until done
UNLIMITED = 50.0  # a project without capacity is taken to be half full at this many live leases


@dataclass(frozen=True)
class Workload:
    """Room left: `1 − load/capacity`, from live leases by project."""

    live: Mapping[str, int] = field(default_factory=dict)

    def weigh(self, task: TaskView, roster: Roster) -> Say | None:
        load = (
            np.array([self.live.get(name, 0) for name in roster.names], float) if self.live else np.zeros(len(roster))
        )
        if not load.any():
            return None
        limited = np.isfinite(roster.capacity)
        room = np.where(
            limited, 1 - load / np.where(roster.capacity > 0, roster.capacity, 1), UNLIMITED / (UNLIMITED + load)
        )
        scores = np.clip(room, 0, 1)

        def reason(number: int) -> str | None:
            capacity = roster.candidates[number].capacity
            return f"holds {load[number]:.0f} of {capacity} tasks" if capacity and load[number] else None

        return Say("workload", scores, 2 * (scores - 1), reason, speaks=False)


@dataclass(frozen=True)
class Velocity:
    """Can it meet the pace or the date that the task asks for."""

    def weigh(self, task: TaskView, roster: Roster) -> Say | None:
        wanted = [days for days in (SPEED.get(task.velocity or ""), task.days_left) if days is not None]
        if not wanted:
            return None
        allowed = max(min(wanted), 0.05)
        needed = np.array([c.completion_days or SPEED.get(c.velocity, 3.0) for c in roster.candidates])
        scores = np.clip(allowed / needed, 0, 1)
        return Say(
            "velocity", scores, 2 * (scores - 1),
            lambda n: None if scores[n] == 1 else f"usually needs {needed[n]:g} days, {allowed:.1f} are left",
            speaks=False,
        )  # fmt: skip
