"""System checks of the embedding provider: what is wrong, and what to type."""

from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from hopper.common.db.vectors import DIMENSIONS
from routing.embedding import PROVIDERS, EmbeddingFailed, get_embedder
from routing.embedding.onnx import FETCH, files_of, model_folder

PACKAGES = {
    "onnx": {
        "onnxruntime": "pip install -r requirements-extra.txt",
        "tokenizers": "pip install -r requirements-extra.txt",
    },
    "sentence-transformers": {"sentence_transformers": "pip install sentence-transformers"},
}


@register()
def embedder_is_usable(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report a provider that is unknown or lacks what it needs, and vectors that do not fit the column."""
    if settings.EMBEDDINGS_PROVIDER not in PROVIDERS:
        hint = f"Set EMBEDDINGS_PROVIDER to one of {', '.join(PROVIDERS)}."
        return [Error(f"EMBEDDINGS_PROVIDER={settings.EMBEDDINGS_PROVIDER} is unknown.", hint=hint, id="hopper.E030")]
    return _missing_packages() or _missing_model() or _misfit()


def _missing_packages() -> list[CheckMessage]:
    needed = PACKAGES.get(settings.EMBEDDINGS_PROVIDER, {})
    return [
        Error(f"EMBEDDINGS_PROVIDER={settings.EMBEDDINGS_PROVIDER} needs {name}.", hint=f"Type: {cure}",
              id="hopper.E031")
        for name, cure in needed.items() if find_spec(name) is None
    ]  # fmt: skip


def _missing_model() -> list[CheckMessage]:
    if settings.EMBEDDINGS_PROVIDER != "onnx":
        return []
    try:
        files_of(model_folder(settings.EMBEDDINGS_MODEL_PATH))
    except EmbeddingFailed as error:
        hint = f"{FETCH}, or set EMBEDDINGS_MODEL_PATH to a folder that holds both."
        return [Error(error.message.removesuffix(f" {FETCH}"), hint=hint, id="hopper.E032")]
    return []


def _misfit() -> list[CheckMessage]:
    try:
        dimension = _dimension()
    except EmbeddingFailed as error:
        return [Error(error.message, hint="Put whole files into EMBEDDINGS_MODEL_PATH.", id="hopper.E032")]
    if dimension <= DIMENSIONS:
        return []
    hint = f"Use a model of {DIMENSIONS} dimensions or fewer, and set EMBEDDINGS_DIMENSION to them."
    return [Error(f"Vectors of {dimension} do not fit the column of {DIMENSIONS}.", hint=hint, id="hopper.E033")]


def _dimension() -> int:
    """Return what the model gives; only ONNX is quick enough to ask, `pad` refuses the rest."""
    return get_embedder().dimension if settings.EMBEDDINGS_PROVIDER == "onnx" else settings.EMBEDDINGS_DIMENSION
