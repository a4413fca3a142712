"""What one question of `doctor` answers."""

from dataclasses import asdict, dataclass

PATIENCE = 3.0  # seconds, for any server


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `ok`, `off` (not configured), `warning`, or `problem` (Hopper needs it)."""

    name: str
    state: str
    detail: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the finding for programs; what is well needs no fix."""
        return {**asdict(self), "fix": self.fix if self.state in ("problem", "warning") else ""}
