"""What Prometheus is told of the graph, beside the deliveries that wait for it; read at each scrape."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily

from sync.operations import last_check


def graph() -> Iterator[GaugeMetricFamily]:
    """Yield what the last check found, and when it was made; nothing before the first."""
    check = last_check()
    if check:
        yield GaugeMetricFamily("hopper_graph_differences", "Differences that the last check left.", check.left)
        made = check.created_at.timestamp()
        yield GaugeMetricFamily("hopper_graph_checked_timestamp_seconds", "When the graph was last checked.", made)
