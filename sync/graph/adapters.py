"""Which adapter answers questions to the graph, and which one does while it is away."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.utils.module_loading import import_string

from sync.graph.base import GraphUnavailable
from sync.graph.questions import GraphQuestions

ADAPTERS = {
    "relational": "sync.graph.relational.RelationalQuestions",
    "neo4j": "sync.graph.neo4j.questions.Neo4jQuestions",
}
PAUSE = 30.0  # seconds for which a graph that did not answer is left alone: nobody waits for it twice

Answered = TypeVar("Answered")
log = logging.getLogger(__name__)
_left_alone = {"until": 0.0}


def get_questions(name: str | None = None) -> GraphQuestions:
    """Return the adapter of that name, or the configured one: Neo4j if there is an address of one, else the rows."""
    made: GraphQuestions = import_string(ADAPTERS[name or ("neo4j" if settings.NEO4J_URL else "relational")])()
    return made


def ask(question: Callable[[GraphQuestions], Answered]) -> tuple[Answered, str]:
    """Return the answer and which adapter gave it: the rows know the same while the configured graph is away."""
    if settings.NEO4J_URL and time.monotonic() >= _left_alone["until"]:
        graph = get_questions("neo4j")
        try:
            return question(graph), graph.name
        except GraphUnavailable as error:
            log.warning("The rows answer for the next %d s instead of the graph: %s", PAUSE, error.message)
            _left_alone["until"] = time.monotonic() + PAUSE
    graph = get_questions("relational")
    return question(graph), graph.name


def forget_outage() -> None:
    """Ask the graph again at once."""
    _left_alone["until"] = 0.0
