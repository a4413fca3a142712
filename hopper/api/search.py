"""Search by words and by meaning, and one order out of both."""

from typing import Any

from hopper.common.ranking import fuse
from hopper.common.words import Question, read_question
from routing.operations import EmbeddingFailed, embed_question
from tasks.models import Task

DEPTH = 100  # of each order, before they are fused
WEIGHED = 500  # of the tasks that have the words, the newest are weighed against each other
TEXT = ("title", "tags", "description")


def find_tasks(rows: Any, text: str, *, count: int) -> tuple[list[Task], bool]:
    """Return the best of the rows, each with `score`, `found_by` and `similarity`; and whether meaning was used."""
    question = read_question(text)
    by_words = _by_words(rows, question, text)
    try:
        by_meaning, is_used = _by_meaning(rows, question), True
    except EmbeddingFailed:
        by_meaning, is_used = {}, False
    scores = fuse(by_words[:DEPTH], by_meaning)
    found = rows.in_bulk(list(scores)[:count])
    for key, task in found.items():
        task.score, task.similarity = round(scores[key], 6), by_meaning.get(key)
        task.found_by = [name for name, keys in (("words", set(by_words)), ("meaning", by_meaning)) if key in keys]
    return [found[key] for key in scores if key in found], is_used


def _by_words(rows: Any, question: Question, text: str) -> list[str]:
    """Return the keys of the tasks that have the words: the one of that id, then by weight, then the newest."""
    newest = rows.search(text).order_by("-created_at", "-pk").values_list("pk", *TEXT)[:WEIGHED]
    weights = {key: (key == question.id, question.weigh(_parts(*parts))) for key, *parts in newest}
    return sorted(weights, key=weights.__getitem__, reverse=True)


def _by_meaning(rows: Any, question: Question) -> dict[str, float]:
    """Return the keys of the tasks nearest to the question, each with its similarity, nearest first.

    :raises EmbeddingFailed: if the question cannot be embedded now
    """
    asked = embed_question(text=question.meant)
    if asked is None:
        return {}
    near = rows.only("pk", *TEXT).nearest_to(asked.vector, model=asked.model, count=DEPTH)
    return {
        task.pk: round(1.0 - task.distance, 4)
        for task in near
        if 1.0 - task.distance >= asked.alike and not question.is_refused_by(" ".join(_parts(*_texts(task))))
    }


def _texts(task: Task) -> list[Any]:
    return [getattr(task, name) for name in TEXT]


def _parts(title: str, tags: list[str], description: str | None) -> tuple[str, str, str]:
    return title, " ".join(tags), description or ""
