"""Which adapter answers questions to the graph, and which one does while it is away."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.utils.module_loading import import_string

from sync.graph.base import GraphRefused, GraphUnavailable
from sync.graph.questions import GraphQuestions, GraphTooSlow

ADAPTERS = {
    "relational": "sync.graph.relational.RelationalQuestions",
    "neo4j": "sync.graph.neo4j.questions.Neo4jQuestions",
}
PAUSE = 30.0  # seconds for which a graph that did not answer is left alone: nobody waits for it twice

Answered = TypeVar("Answered")
log = logging.getLogger(__name__)
_left_alone_until: dict[str, float] = {}  # by address, on the clock of this process


def get_questions(name: str | None = None) -> GraphQuestions:
    """Return the adapter of that name, or the configured one: Neo4j if there is an address of one, else the rows."""
    made: GraphQuestions = import_string(ADAPTERS[name or configured()])()
    return made


def configured() -> str:
    """Return the name of the adapter that is asked first."""
    return "neo4j" if settings.NEO4J_URL else "relational"


def ask(question: Callable[[GraphQuestions], Answered]) -> tuple[Answered, str]:
    """Return the answer and which adapter gave it: while the graph is away the rows answer, which know the same."""
    if configured() != "relational" and time.monotonic() >= _left_alone_until.get(settings.NEO4J_URL, 0.0):
        graph = get_questions()
        try:
            return question(graph), graph.name
        except GraphTooSlow as error:
            log.warning("The rows answer instead of the graph: %s", error.message)
        except (GraphUnavailable, GraphRefused) as error:
            log.warning("For the next %d s the rows answer instead of the graph: %s", PAUSE, error.message)
            _left_alone_until[settings.NEO4J_URL] = time.monotonic() + PAUSE
    return question(get_questions("relational")), "relational"
