"""Vectors from OpenAI, or from any server that speaks its protocol."""

import base64
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import openai
from numpy.typing import NDArray

from hopper.common.outbound import AnswerRefused, bounded_client, retry_after
from routing.embedding.base import Configuration, EmbeddingFailed, Usage, Vectors, only_with_words, stored_name

OFFICIAL = "https://api.openai.com/v1"
DEFAULT_MODEL = "text-embedding-ada-002"
SHORTENABLE = "text-embedding-3"  # the models that take a number of dimensions
TOKENS_PER_TEXT = 8_000
TOKENS_PER_REQUEST = 250_000  # OpenAI takes 300,000, and the count is an estimate
CHARACTERS_PER_TOKEN = 4
MOST_TOKENS = 10_000_000  # that one answer may count: more is a fault of the server
DOLLARS_PER_MILLION_TOKENS = {
    "text-embedding-ada-002": 0.10,
    "text-embedding-3-small": 0.02,
    "text-embedding-3-large": 0.13,
}
ALIKE = {"text-embedding-ada-002": 0.78}  # whose vectors all lie close together
FAULTS_OF_TEXTS = {400, 413, 422}  # any other status is about the provider, the key or the model


class OpenAIEmbedder:
    """Sends texts in batches, believes no answer unchecked, and counts the tokens."""

    name = "openai"
    same = 0.97

    def __init__(self, configuration: Configuration) -> None:
        self.dimension = configuration.dimension
        self._configuration = configuration
        self._remote_model = configuration.model or DEFAULT_MODEL
        self.model = stored_name(self._remote_model, self.dimension)
        self.alike = ALIKE.get(self._remote_model, 0.3)
        self._client = openai.OpenAI(
            api_key=configuration.api_key or "none",  # servers of one's own often want none, the client always
            base_url=configuration.base_url or OFFICIAL,
            http_client=bounded_client(configuration.timeout),
            timeout=configuration.timeout,
            max_retries=configuration.retries,
        )
        self._counting = threading.Lock()
        self._usage = Usage()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit row per text.

        :raises EmbeddingFailed: if the server is away, refuses, or its answer is wrong
        """
        return only_with_words(texts, self.dimension, self._embed)

    def take_usage(self) -> Usage:
        """Return what was paid for since the last call."""
        with self._counting:
            taken, self._usage = self._usage, Usage()
        price = DOLLARS_PER_MILLION_TOKENS.get(self._remote_model)
        return replace(taken, dollars=None if price is None else taken.tokens * price / 1e6)

    def _embed(self, texts: list[str]) -> NDArray[np.float64]:
        cut = [_cut(text) for text in texts]
        return np.stack([row for batch in self._batches(cut) for row in self._rows(batch)])

    def _batches(self, texts: list[tuple[str, float]]) -> Iterator[list[str]]:
        batch: list[str] = []
        tokens = 0.0
        for text, count in texts:
            if batch and (len(batch) >= self._configuration.batch_size or tokens + count > TOKENS_PER_REQUEST):
                yield batch
                batch, tokens = [], 0.0
            batch.append(text)
            tokens += count
        yield batch

    def _rows(self, texts: list[str]) -> list[NDArray[np.float64]]:
        answer = self._ask(texts)
        self._count(answer, len(texts))
        try:
            rows = {item["index"]: _decode(item["embedding"]) for item in answer["data"]}
        except (KeyError, TypeError, ValueError) as error:
            raise EmbeddingFailed("The answer of the embedding service has no vectors in it.") from error
        if len(answer["data"]) != len(texts) or set(rows) != set(range(len(texts))):
            raise EmbeddingFailed(f"The embedding service gave {len(answer['data'])} vectors for {len(texts)} texts.")
        if lengths := {row.shape for row in rows.values()} - {(self.dimension,)}:
            raise EmbeddingFailed(f"Vectors came in {lengths}: EMBEDDINGS_DIMENSION is {self.dimension}.")
        return [rows[place] for place in range(len(texts))]

    def _ask(self, texts: list[str]) -> Any:
        dimensions = self.dimension if self._remote_model.startswith(SHORTENABLE) else openai.omit
        try:
            raw = self._client.embeddings.with_raw_response.create(
                input=texts, model=self._remote_model, encoding_format="base64", dimensions=dimensions
            )
            return json.loads(raw.http_response.content)
        except openai.APIStatusError as error:
            away = error.status_code not in FAULTS_OF_TEXTS
            message = f"The embedding service answered {error.status_code}."
            raise EmbeddingFailed(message, is_outage=away, retry_after=retry_after(error.response)) from error
        except AnswerRefused as error:
            raise EmbeddingFailed(str(error)) from error
        except openai.APIConnectionError as error:
            raise EmbeddingFailed(f"The embedding service is away: {error}", is_outage=True) from error
        except (openai.OpenAIError, ValueError, RecursionError) as error:
            raise EmbeddingFailed("The answer of the embedding service cannot be read.") from error

    def _count(self, answer: Any, texts: int) -> None:
        """Count what was paid for, even when the answer turns out to be wrong; not every server tells."""
        usage = answer.get("usage") if isinstance(answer, dict) else None
        tokens = usage.get("total_tokens") if isinstance(usage, dict) else None
        paid = tokens if isinstance(tokens, int) and 0 < tokens <= MOST_TOKENS else 0
        with self._counting:
            self._usage = Usage(self._usage.texts + texts, self._usage.tokens + paid)


def _cut(text: str) -> tuple[str, float]:
    """Return the text within the limit of the models, and its tokens: about 4 ASCII characters each, else one."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    tokens = np.where(codes < 128, 1 / CHARACTERS_PER_TOKEN, 1.0).cumsum()
    kept = int(np.searchsorted(tokens, TOKENS_PER_TEXT, side="right"))
    return text[:kept], float(tokens[:kept][-1])


def _decode(embedding: Any) -> NDArray[np.float64]:
    """Return the numbers: base64 of little-endian floats, as asked for, or the list that some servers send."""
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4").astype(np.float64)
    return np.asarray(embedding, np.float64)
