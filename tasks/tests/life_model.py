"""What `life.py` holds of tasks: where each stands, what it waits for, and what follows from what."""

from dataclasses import dataclass, field

HELD, OVER = ("claimed", "in_progress"), ("completed", "cancelled")
OPEN = ("pending", "routed", "blocked", *HELD)
ENDS_THE_WAIT = {"blocks": "completed", "conditional": "failed"}
# verb: the statuses it may be said in, and what the task becomes
PLAIN = {
    "place": ({"pending"}, "routed"),
    "review": ({"pending"}, "pending"),
    "return": ({"routed"}, "pending"),
    "block": ({"routed", "in_progress"}, "blocked"),
    "unblock": ({"blocked"}, "routed"),
    "cancel": ({*OPEN, "failed"}, "cancelled"),
    "retry": ({"failed"}, "pending"),
}
BY_FENCE = {
    "start": ({"claimed"}, "in_progress"),
    "complete": (set(HELD), "completed"),
    "fail": (set(HELD), "failed"),
    "release": (set(HELD), "routed"),
    "heartbeat": (set(HELD), None),
}
# what the log says a task became; other events leave it where it was
TOLD = {
    "task.stored": "pending", "task.submitted": "pending", "task.routed": "routed", "task.returned": "pending",
    "task.claimed": "claimed", "task.started": "in_progress", "task.completed": "completed", "task.failed": "failed",
    "task.released": "routed", "task.lease_expired": "routed", "task.blocked": "blocked", "task.unblocked": "routed",
    "task.cancelled": "cancelled", "task.retried": "pending", "task.decomposed": "routed", "task.moved": "routed",
    "task.review_requested": "pending",
}  # fmt: skip
RESTATES = {"task.decomposed", "task.moved", "task.review_requested"}  # they may find the task there already


@dataclass
class Piece:
    """What the model knows of a task."""

    limit: int = 3
    parent: str | None = None
    status: str = "pending"
    fence: int = 0
    attempts: int = 0
    is_decomposed: bool = False
    is_expired: bool = False
    waits: dict[str, str] = field(default_factory=dict)
    version: int = 0  # and status, as the log tells it
    told: str = ""


class Model(dict):
    """The pieces by id, in the order of their making."""

    def is_ready(self, key):
        piece = self[key]
        above = [self[other].status for other in self.above(key)]
        return (
            piece.status == "routed" and piece.attempts < piece.limit and not self.is_waiting(key)
            and not any(child.status in OPEN for child in self.children_of(key))
            and not {"blocked", "failed", "cancelled"} & set(above)
        )  # fmt: skip

    def is_waiting(self, key):
        return any(self[on].status != ENDS_THE_WAIT[kind] for on, kind in self[key].waits.items())

    def children_of(self, key):
        return [piece for piece in self.values() if piece.parent == key]

    def above(self, key):
        while key := self[key].parent:
            yield key

    def below(self, key):
        return [other for other in self if key in self.above(other)]

    def needed_by(self, key):
        """Return the task and all that must end before it can: what it waits for, and its subtasks."""
        found, wanted = set(), [key]
        while wanted:
            found.add(key := wanted.pop())
            needed = [*self[key].waits, *(other for other in self if self[other].parent == key)]
            wanted += [other for other in needed if other not in found]
        return found

    def claim(self, key):
        piece = self[key]
        piece.status, piece.fence, piece.attempts = "claimed", piece.fence + 1, piece.attempts + 1
        piece.is_expired = False

    def cancel(self, key):
        """Cancel the task with the open ones below it."""
        for ended in (key, *self.below(key)):
            if ended == key or self[ended].status in OPEN:
                self[ended].status = "cancelled"
                self.follow_up(ended)

    def is_done_by_its_parts(self, key):
        parts = {part.status for part in self.children_of(key)}
        return self[key].is_decomposed and self[key].status == "routed" and parts == {"completed"}

    def follow_up(self, key):
        """Complete the parent whose last subtask this was, and cancel what was for its failure alone."""
        piece, parent = self[key], self.get(self[key].parent)
        if parent and piece.status == "completed" and self.is_done_by_its_parts(piece.parent):
            parent.status = "completed"
            self.follow_up(piece.parent)
        contingent = [other for other in self if self[other].waits.get(key) == "conditional"]
        for other in contingent if piece.status == "completed" else ():
            if self[other].status in OPEN and self[other].status not in HELD:
                self.cancel(other)
