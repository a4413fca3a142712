"""Vectors from any model that sentence-transformers can load; needs PyTorch."""

from collections.abc import Sequence

from routing.embedding.base import Configuration, EmbeddingFailed, Vectors, only_with_words, stored_name

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
INSTALL = "Type: pip install sentence-transformers"


class SentenceTransformersEmbedder:
    """Runs a model by name, or from the folder EMBEDDINGS_MODEL_PATH."""

    name = "sentence-transformers"
    alike, same = 0.3, 0.97

    def __init__(self, configuration: Configuration) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            message = f"EMBEDDINGS_PROVIDER=sentence-transformers needs its package. {INSTALL}"
            raise EmbeddingFailed(message, is_outage=True) from error
        place = configuration.model_path or configuration.model or DEFAULT_MODEL
        try:
            self._model = SentenceTransformer(place)
        except (OSError, ValueError) as error:
            raise EmbeddingFailed(f"sentence-transformers cannot load {place}.", is_outage=True) from error
        self._batch_size = configuration.batch_size
        self.dimension = int(self._model.get_sentence_embedding_dimension() or 0)
        self.model = stored_name("sentence-transformers", place, self.dimension)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit row per text."""
        return only_with_words(texts, self.dimension, self._embed)

    def _embed(self, texts: list[str]) -> Vectors:
        vectors: Vectors = self._model.encode(texts, batch_size=self._batch_size, show_progress_bar=False)
        return vectors
