"""Every kind of event that changes what the graph shows (docs/graph.md); a test compares it with the code."""

KINDS = {
    "instance": ("created", "changed", "started", "paused", "resumed", "closing", "terminated", "deleted"),
    "project": ("registered", "changed", "merged", "deleted"),
    "pattern": ("created", "changed", "deleted"),
    "delegation": ("created", "accepted", "rejected", "completed", "cancelled", "expired"),
    "task": (
        "submitted", "stored", "imported", "changed", "routed", "review_requested", "returned", "retried", "moved",
        "decomposed", "escalated", "claimed", "started", "released", "lease_expired", "blocked", "unblocked",
        "completed", "failed", "cancelled", "dependency_added", "dependency_removed", "dependencies_changed",
        "delegation_removed", "deleted",
    ),
}  # fmt: skip
GRAPH_EVENTS = [f"{row}.{kind}" for row, kinds in KINDS.items() for kind in kinds]
