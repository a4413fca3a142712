"""What `doctor` looks at; each question yields findings that say what to type."""

import sys
from collections.abc import Callable, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

import django
import redis
from django.conf import settings
from django.core import checks
from django.db import Error as DatabaseError

from hopper.management.diagnosis.database import look_at_database, look_into_database
from hopper.management.diagnosis.finding import PATIENCE, Finding
from hopper.management.diagnosis.graph import examine_graph
from hopper.management.diagnosis.meaning import examine_meaning
from instances.models import Instance
from tasks.models import Task, TaskDependency

OLDEST_PYTHON = (3, 11)
DJANGO = (5, 2)


def examine() -> Iterator[Finding]:
    """Look at everything Hopper depends on; what lives in the database only if that answers."""
    yield from _versions()
    database = look_at_database()
    yield database
    if database.state == "ok":
        yield from look_into_database()
        yield from _circles()
        yield from examine_meaning()
    yield _redis(settings.REDIS_URL)
    yield from examine_graph(database)
    yield from _system_checks()


def _versions() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    state = "ok" if sys.version_info >= OLDEST_PYTHON else "problem"
    yield Finding("Python", state, python, "Install Python 3.11 or newer.")
    state = "ok" if django.VERSION[:2] == DJANGO else "problem"
    yield Finding("Django", state, django.get_version(), "pip install -r requirements.txt")


def _circles() -> Iterator[Finding]:
    """Look for circles in the three graphs; a missing table is a matter for the migrations."""
    parents = "Open /admin/{}/{}/change/ and give it another parent, or none."
    graphs: list[tuple[str, Any, Callable[[str], str]]] = [
        ("instance tree", _parents(Instance), lambda key: parents.format("instances/instance", key)),
        ("task parents", _parents(Task), lambda key: parents.format("tasks/task", key)),
        ("dependencies", TaskDependency.objects.values_list("task", "depends_on"), _remove_a_dependency),
    ]
    for name, edges, fix in graphs:
        try:
            circle = find_circle(edges)
        except DatabaseError:
            continue
        if circle:
            yield Finding(name, "problem", f"runs in a circle: {' → '.join(circle)}", fix(circle[0]))
        else:
            yield Finding(name, "ok", "has no circles")


def _parents(model: Any) -> Any:
    return model.objects.filter(parent__isnull=False).values_list("pk", "parent")


def _remove_a_dependency(key: str) -> str:
    return f"Open /admin/tasks/taskdependency/?task={key} and delete one of them."


def find_circle(edges: Iterable[tuple[str, str]]) -> list[str]:
    """Return the nodes of one circle, the first one again at the end, or nothing."""
    graph: dict[str, set[str]] = {}
    for source, target in edges:
        graph.setdefault(target, set()).add(source)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _redis(url: str) -> Finding:
    if not url:
        return Finding("Redis", "off", "REDIS_URL is not set: jobs run in this process and `manage.py relay`")
    try:
        redis.Redis.from_url(url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE).ping()
    except redis.RedisError as error:
        return Finding("Redis", "problem", f"does not answer: {error}", "Start Redis, or unset REDIS_URL.")
    return Finding("Redis", "ok", "answers")


def _system_checks() -> Iterator[Finding]:
    found = [message for message in checks.run_checks() if not message.is_silenced()]
    for message in found:
        state = "problem" if message.is_serious() else "warning"
        yield Finding(f"check {message.id}", state, str(message.msg), message.hint or "python manage.py check")
    if not found:
        yield Finding("system checks", "ok", "nothing to say")
