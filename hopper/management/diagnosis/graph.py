"""What `doctor` says of the graph: whether it lets Hopper in, and how far it is behind the rows."""

from collections.abc import Iterator

from django.conf import settings
from django.db import Error as DatabaseError

from hopper.common.errors import HopperError
from hopper.management.base import GIVEN_UP
from hopper.management.diagnosis.finding import Finding
from sync.models import GraphCheck
from sync.operations import graph_lag, last_check, missing_constraints

LATE = 60  # seconds
DO = "Start it, or correct NEO4J_URL, NEO4J_USERNAME and NEO4J_PASSWORD; until then the database answers."


def examine_graph(database: Finding) -> Iterator[Finding]:
    """Ask the graph itself, and the database, if that answers, for what waits."""
    if not settings.NEO4J_URL:
        yield Finding("Neo4j", "off", "NEO4J_URL is not set: the graph is asked of the database")
        return
    try:
        missing = missing_constraints()
        yield Finding("Neo4j", "ok", f"answers at {settings.NEO4J_URL}")
        yield _constraints(missing)
    except HopperError as error:
        yield Finding("Neo4j", "problem", error.message, DO)
    if database.state == "ok":
        yield from _deliveries()


def _constraints(missing: list[str]) -> Finding:
    if not missing:
        return Finding("graph constraints", "ok", "all there")
    return Finding("graph constraints", "warning", f"{', '.join(missing)} missing", "python manage.py graph rebuild")


def _deliveries() -> Iterator[Finding]:
    """Look at what waits; a missing table is a matter for the migrations."""
    try:
        lag, check = graph_lag(), last_check()
    except DatabaseError:
        return
    detail = f"{lag['waiting']:,} deliveries wait, the oldest for {lag['lag_seconds']:.0f} s"
    state = "warning" if lag["lag_seconds"] > LATE else "ok"
    yield Finding("graph lag", state, detail, "Start a worker and beat, or the relay.")
    if lag["dead"]:
        yield Finding("graph deliveries", "warning", f"{lag['dead']:,} were given up", f"Open {GIVEN_UP}")
    yield _check(check)


def _check(check: GraphCheck | None) -> Finding:
    if check is None:
        return Finding("graph check", "ok", "none yet: every night, or python manage.py graph reconcile")
    detail = f"{check.left:,} differences left of {check.found:,} on {check.created_at:%Y-%m-%d %H:%M} UTC"
    return Finding(
        "graph check", "warning" if check.left else "ok", detail, "python manage.py graph reconcile --repair"
    )
