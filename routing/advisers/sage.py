"""A person, a persona or an agent that looks at the review queue and answers there."""

from dataclasses import dataclass

from routing.advisers.base import Advice, Question, Usage


@dataclass
class Sage:
    """Is told nothing: it pulls the queue with its own key, and sees what that key may see."""

    model: str
    kind: str = "sage"

    def advise(self, question: Question) -> Advice | None:
        """Return None: the answer comes by `POST /review/{task}`, or not in time."""
        return None

    def bound(self, question: Question) -> Usage:
        """Return nothing: what it costs is not Hopper's bill."""
        return Usage()

    def take_usage(self) -> Usage:
        """Return nothing."""
        return Usage()
