"""Which adapter answers questions to the graph, and which one does while it is away."""

import logging
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.utils.module_loading import import_string

from hopper.common.absence import PAUSE, absence_of
from sync.graph.base import GraphRefused, GraphUnavailable
from sync.graph.questions import GraphQuestions, GraphTooSlow

ADAPTERS = {
    "relational": "sync.graph.relational.RelationalQuestions",
    "neo4j": "sync.graph.neo4j.questions.Neo4jQuestions",
}

Answered = TypeVar("Answered")
log = logging.getLogger(__name__)


def get_questions(name: str | None = None) -> GraphQuestions:
    """Return the adapter of that name, or the configured one: Neo4j if there is an address of one, else the rows."""
    made: GraphQuestions = import_string(ADAPTERS[name or configured()])()
    return made


def configured() -> str:
    """Return the name of the adapter that is asked first."""
    return "neo4j" if settings.NEO4J_URL else "relational"


def ask(question: Callable[[GraphQuestions], Answered]) -> tuple[Answered, str]:
    """Return the answer and which adapter gave it: while the graph is away the rows answer, which know the same."""
    absence = absence_of(settings.NEO4J_URL)  # nobody waits for a graph twice
    if configured() != "relational" and not absence.lasts:
        graph = get_questions()
        try:
            return question(graph), graph.name
        except GraphTooSlow as error:
            log.warning("The rows answer instead of the graph: %s", error.message)
        except (GraphUnavailable, GraphRefused) as error:
            log.warning("For the next %d s the rows answer instead of the graph: %s", PAUSE, error.message)
            absence.begin()
    return question(get_questions("relational")), "relational"
