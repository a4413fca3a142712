"""Vectors from a sentence encoder in an ONNX file, on this machine's processor and without PyTorch."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from routing.embedding.base import Configuration, EmbeddingFailed, Vectors, only_with_words, stored_name

LONGEST_TEXT = 256  # tokens
MODELS = ("model.onnx", "onnx/model.onnx", "model*.onnx", "onnx/model*.onnx")  # the first that is there
TOKENIZER = "tokenizer.json"
FETCHED = "all-MiniLM-L6-v2"
INSTALL = "Type: pip install -r requirements-extra.txt"
FETCH = "Type: python manage.py embed --fetch-model"
THREADS = min(os.cpu_count() or 1, 4)


class OnnxEmbedder:
    """Runs onnxruntime on a model folder, such as all-MiniLM-L6-v2 in int8.

    Each text goes by itself: an int8 model scales by what else is in its batch, so equal texts would differ.
    """

    name = "onnx"

    def __init__(self, configuration: Configuration) -> None:
        folder = model_folder(configuration.model_path)
        model, tokenizer = files_of(folder)
        self._session, self._tokenizer = _load(model, tokenizer)
        self._inputs = [wanted.name for wanted in self._session.get_inputs()]
        self._output = _pooled(self._session.get_outputs())
        self.dimension = len(self._embed("dimension"))
        name = configuration.model or folder.resolve().name
        self.model = stored_name("onnx", name[:60], _digest(model, tokenizer))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit row per text."""
        return only_with_words(texts, self.dimension, self._embed_each)

    def _embed_each(self, texts: list[str]) -> NDArray[np.float64]:
        """Embed side by side: onnxruntime lets go of Python's lock while it works."""
        if len(texts) == 1:
            return np.stack([self._embed(texts[0])])
        with ThreadPoolExecutor(THREADS) as pool:
            return np.stack(list(pool.map(self._embed, texts)))

    def _embed(self, text: str) -> NDArray[np.float64]:
        encoded = self._tokenizer.encode(text)
        known = {
            "input_ids": encoded.ids, "attention_mask": encoded.attention_mask, "token_type_ids": encoded.type_ids,
        }  # fmt: skip
        fed = {name: np.array([known[name]], np.int64) for name in self._inputs}
        output = np.asarray(self._session.run([self._output], fed)[0][0], np.float64)
        if output.ndim == 1:
            return output
        mask = np.array(encoded.attention_mask, np.float64)
        return mask @ output / mask.sum()


def model_folder(given: str) -> Path:
    """Return the folder that is given, or the one that `embed --fetch-model` fills."""
    return Path(given) if given else settings.MODELS_DIR / FETCHED


def files_of(folder: Path) -> tuple[Path, Path]:
    """Return the model and the tokenizer in a folder.

    :raises EmbeddingFailed: if one is missing
    """
    found = [file for pattern in MODELS for file in sorted(folder.glob(pattern))]
    if not found or not (folder / TOKENIZER).is_file():
        raise EmbeddingFailed(f"{folder} does not hold model.onnx and {TOKENIZER}. {FETCH}", is_outage=True)
    return found[0], folder / TOKENIZER


def _load(model: Path, tokenizer: Path) -> tuple[Any, Any]:
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as errors
        from tokenizers import Tokenizer
    except ImportError as error:
        raise EmbeddingFailed(f"EMBEDDINGS_PROVIDER=onnx needs onnxruntime. {INSTALL}", is_outage=True) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # texts go side by side instead: two threads in one text gain a fifth (measured)
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except (errors.InvalidProtobuf, errors.InvalidGraph, errors.Fail, errors.NoSuchFile) as error:
        raise EmbeddingFailed(f"{model} is not a model that onnxruntime can load.", is_outage=True) from error
    reader = Tokenizer.from_file(str(tokenizer))
    reader.enable_truncation(LONGEST_TEXT)
    reader.no_padding()
    return session, reader


def _pooled(outputs: Sequence[Any]) -> str:
    """Return the output to read: one vector for the text where the model has it, else one for each token."""
    return str(min(outputs, key=lambda output: len(output.shape) != 2 or "pooler" in output.name).name)


def _digest(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
