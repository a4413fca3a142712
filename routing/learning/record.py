"""What each destination has shown in judged episodes: by skill and tag, and by the clock. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from routing.learning.bounds import lower_bound
from routing.learning.ledger import Judged

HALF_LIFE = 90 * 86_400.0  # seconds after which an outcome counts half
FEWEST = 3  # outcomes before a skill counts as shown or not
FEWEST_TASKS = 20  # before it is said when a destination gets its tasks
CLOCK = {"hours": "%H:00", "weekdays": "%A", "months": "%B"}  # UTC


@dataclass
class Shown:
    """How often it went well and badly, and the same decayed by age."""

    right: int = 0
    wrong: int = 0
    recent: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def add(self, *, well: bool, weight: float) -> None:
        self.right, self.wrong = self.right + well, self.wrong + (not well)
        self.recent[0 if well else 1] += weight


@dataclass
class Record:
    """Takes episodes in as they pass."""

    episodes: int = 0
    newest: float = 0.0
    shown: dict[str, dict[str, Shown]] = field(default_factory=dict)
    total: dict[str, Shown] = field(default_factory=dict)
    clock: dict[str, dict[str, Counter[str]]] = field(default_factory=dict)
    tags: dict[str, Counter[str]] = field(default_factory=dict)
    since: float | None = None

    def watch(self, episodes: Iterable[Judged]) -> Iterator[Judged]:
        """Pass the episodes on, and remember what they show."""
        for episode in episodes:
            self.add(episode)
            yield episode

    def add(self, episode: Judged) -> None:
        """Take one episode in."""
        self.episodes += 1
        self.newest = max(self.newest, episode.at)
        self.since = episode.at if self.since is None else self.since
        if episode.chosen:
            well, weight = episode.chosen == episode.right, 2.0 ** ((episode.at - self.since) / HALF_LIFE)
            self.total.setdefault(episode.chosen, Shown()).add(well=well, weight=weight)
            for skill in {*episode.skills, *episode.tags}:
                by_skill = self.shown.setdefault(episode.chosen, {})
                by_skill.setdefault(skill, Shown()).add(well=well, weight=weight)
        if episode.right:
            moment, clock = datetime.fromtimestamp(episode.at, UTC), self.clock.setdefault(episode.right, {})
            for name, style in CLOCK.items():
                clock.setdefault(name, Counter())[moment.strftime(style)] += 1
            self.tags.setdefault(episode.right, Counter()).update(episode.tags)

    def proven(self) -> dict[str, dict[str, tuple[float, float]]]:
        """Return `{skill: {project: (right, wrong)}}`, decayed by the time until the newest episode."""
        found: dict[str, dict[str, tuple[float, float]]] = {}
        decay = 2.0 ** (((self.since or 0.0) - self.newest) / HALF_LIFE)
        for project, by_skill in sorted(self.shown.items()):
            for skill, shown in sorted(by_skill.items()):
                if shown.right + shown.wrong >= FEWEST:
                    right, wrong = (round(count * decay, 2) for count in shown.recent)
                    found.setdefault(skill, {})[project] = (right, wrong)
        return found

    def busy_times(self, project: str) -> dict[str, list[str]]:
        """Return the hours, weekdays and months that bring the project clearly more than they bring all together."""
        mine = self.clock.get(project, {})
        tasks = sum(mine.get("hours", Counter()).values())
        if tasks < FEWEST_TASKS:
            return {}
        found = {}
        for name, counts in mine.items():
            everyone = sum((clock[name] for clock in self.clock.values()), Counter())
            total = everyone.total()
            above = [t for t, n in counts.items() if lower_bound(n, tasks) > everyone[t] / total]
            if above:
                found[name] = sorted(above, key=lambda t: (-counts[t], t))
        return found
