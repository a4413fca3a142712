"""What Prometheus is told of deliveries, read at each scrape."""

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily

from hopper.events.operations import Traffic, traffic


def deliveries() -> Iterator[GaugeMetricFamily]:
    """Yield what is undone for each consumer."""
    found = traffic()
    by_status = GaugeMetricFamily(
        "hopper_deliveries", "Deliveries that are not done, by consumer and status.", labels=["consumer", "status"]
    )
    for one in found:
        for status in ("pending", "leased", "dead"):
            by_status.add_metric([one.consumer, status], getattr(one, status))
    yield by_status
    yield _gauge("oldest_delivery_seconds", "Age of the oldest open delivery.", found, lambda one: one.oldest_seconds)
    yield _gauge("delivery_attempts", "Attempts that open deliveries have used up.", found, lambda one: one.attempts)
    yield _gauge("consumer_away", "1 while the breaker is open.", found, lambda one: int(one.away_since is not None))


def _gauge(name: str, what: str, found: list[Traffic], value: Callable[[Traffic], float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"hopper_{name}", what, labels=["consumer"])
    for one in found:
        family.add_metric([one.consumer], value(one))
    return family
