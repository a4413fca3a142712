"""How sure Hopper must be at each instance, and the curve that holds there: read with the places of the roster."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from instances.models import Instance
from instances.operations import change_instance
from routing.models import LearnedState
from routing.policy.calibration import ANY, OPEN, SAME, Curve, Gate, threshold_of_costs

CALIBRATION = "calibration"
HOUSE = "*"  # the scope of the whole house; no instance is called so
SAYING = ("confidence_threshold", "confidence_costs")
Rows = Mapping[str, tuple[str | None, str, dict[str, Any]]]


def way_up(instance: str | None, seats: Mapping[str, str | None]) -> Iterator[str]:
    """Yield the instance and those above it; `seats` has the parent of each."""
    seen: set[str] = set()
    while instance is not None and instance in seats and instance not in seen:  # a circle ends
        seen.add(instance)
        yield instance
        instance = seats[instance]


class Gates:
    """The gate of every instance, worked out when it is first asked for."""

    def __init__(self, rows: Rows, curves: Mapping[str, Curve]) -> None:
        self.rows, self.curves = rows, curves
        self._known: dict[str | None, Gate] = {}

    def at(self, instance: str | None) -> Gate:
        """Return the gate of the instance; without one, that of the house."""
        if instance not in self._known:
            path = list(self.path(instance))
            gate = Gate(self._curve(path), self._said(path, house=False), self._said(path, house=True))
            self._known[instance] = OPEN if gate == OPEN else gate
        return self._known[instance]

    def path(self, instance: str | None) -> Iterator[str]:
        """Yield the instance and those above it."""
        return way_up(instance, self.seats)

    @cached_property
    def seats(self) -> dict[str, str | None]:
        """The parent of every instance."""
        return {pk: parent for pk, (parent, _, _) in self.rows.items()}

    def _curve(self, path: list[str]) -> Curve:
        return next((self.curves[seat] for seat in [*path, HOUSE] if seat in self.curves), SAME)

    def _said(self, path: list[str], *, house: bool) -> dict[str, float]:
        """Return the thresholds that the nearest seat says; those of GLOBAL instances are the house's."""
        for seat in path:
            _, scope, config = self.rows[seat]
            if (scope == Instance.Scope.GLOBAL) is house and (said := thresholds_of(config)):
                return said
        return {}


def thresholds_of(config: Mapping[str, Any]) -> dict[str, float]:
    """Return how sure Hopper must be by priority, as a config says it or as its costs do."""
    said = config.get("confidence_threshold")
    if isinstance(said, dict):
        return said
    if said is not None:
        return {ANY: said}
    costs = config.get("confidence_costs", {})
    by_priority = {name: threshold_of_costs(**part) for name, part in costs.items() if isinstance(part, dict)}
    return by_priority | ({ANY: threshold_of_costs(costs["wrong"], costs["review"])} if "wrong" in costs else {})


def read_gates() -> Gates:
    """Read the tree with its settings, and the curves in force."""
    rows = Instance.objects.order_by().values_list("pk", "parent_id", "scope", "config")
    return Gates({pk: (parent, scope, config) for pk, parent, scope, config in rows}, curves_in_force())


def curves_in_force() -> dict[str, Curve]:
    """Return the newest curve of each scope: ids of instances, and `*`."""
    return {
        scope: Curve(metrics["slope"], metrics["intercept"])
        for scope, metrics in LearnedState.objects.in_force(CALIBRATION).values_list("scope", "metrics")
    }


def threshold_of(
    *, threshold: float | None = None, wrong: float | None = None, review: float | None = None
) -> float | None:  # fmt: skip
    """Return the threshold that is said, or that follows from the costs that are; None if neither is."""
    return threshold if wrong is None or review is None else threshold_of_costs(wrong, review)


def set_threshold(*, instance: Instance, actor: str, priority: str | None = None, **said: float) -> Instance:
    """Let the instance say how sure Hopper must be: a `threshold`, or the costs `wrong` and `review`.

    What it says for other priorities stays, unless it was said the other way.

    :raises Invalid: if it is no threshold
    """
    config = {name: value for name, value in instance.config.items() if name not in SAYING}
    if "threshold" in said:
        held = instance.config.get("confidence_threshold", {})
        held = held if isinstance(held, dict) else {ANY: held}
        config["confidence_threshold"] = {**held, priority or ANY: said["threshold"]}
    else:
        held = instance.config.get("confidence_costs", {})
        config["confidence_costs"] = {**held, priority: said} if priority else {**held, **said}
    return change_instance(instance=instance, actor=actor, config=config)
