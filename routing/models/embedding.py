"""What a text means, as a vector; derived from the rows, so it is replaced and never edited."""

from django.db import models

from hopper.common.db.vectors import DIMENSIONS, Vector, VectorIndex
from hopper.common.models import Timestamped
from routing.models.episode import Episode
from routing.models.pattern import Pattern
from routing.querysets import TaskEmbeddingQuerySet
from tasks.models import Task


def _by_cosine(name: str) -> VectorIndex:
    return VectorIndex(name=name, fields=["embedding"], m=16, ef_construction=64, opclasses=["vector_cosine_ops"])


class Embedding(Timestamped):
    """The vector of one text by one model, zero-padded to the column; null where there is nothing to embed."""

    embedding = Vector(dimensions=DIMENSIONS, null=True)
    model = models.CharField(max_length=100)
    content_hash = models.CharField(max_length=64)

    class Meta:
        abstract = True


class TaskEmbedding(Embedding):
    """What a task means."""

    task = models.OneToOneField(Task, models.CASCADE, primary_key=True, related_name="meaning")

    objects = TaskEmbeddingQuerySet.as_manager()

    class Meta:
        db_table = "task_embeddings"
        indexes = [
            _by_cosine("idx_task_embeddings"),
            models.Index(
                name="idx_task_embeddings_model", fields=["model", "task"]
            ),  # for the sweep after a change of model
        ]

    def __str__(self) -> str:
        return f"{self.task_id} by {self.model}"


class PatternEmbedding(Embedding):
    """What a pattern means."""

    pattern = models.OneToOneField(Pattern, models.CASCADE, primary_key=True, related_name="meaning")

    class Meta:
        db_table = "pattern_embeddings"
        indexes = [_by_cosine("idx_pattern_embeddings")]

    def __str__(self) -> str:
        return f"{self.pattern_id} by {self.model}"


class EpisodeEmbedding(Embedding):
    """What the task of an episode means."""

    episode = models.OneToOneField(Episode, models.CASCADE, primary_key=True, related_name="meaning")

    class Meta:
        db_table = "episode_embeddings"
        indexes = [_by_cosine("idx_episode_embeddings")]

    def __str__(self) -> str:
        return f"{self.episode_id} by {self.model}"
