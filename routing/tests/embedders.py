"""The embedders that tests ask for."""

from routing.embedding import get_embedder


def configured(settings, provider, **others):
    """Return the embedder of the provider, whatever the environment of the tests says."""
    settings.EMBEDDINGS_PROVIDER, settings.EMBEDDINGS_MODEL = provider, ""
    settings.MODELS_DIR = settings.BASE_DIR / "nowhere"
    settings.EMBEDDINGS_MODEL_PATH = settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""
    for name, value in others.items():
        setattr(settings, name, value)
    return get_embedder()


def configured_openai(settings, stub):
    """Return the OpenAI adapter before the stub; a second is a long time to it."""
    return configured(
        settings, "openai", OPENAI_BASE_URL=stub.url, EMBEDDINGS_DIMENSION=16, EMBEDDINGS_TIMEOUT=1,
        OPENAI_API_KEY="secret-key",
    )  # fmt: skip
