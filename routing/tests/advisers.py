"""The advisers that tests ask."""

from routing.advisers import get_llm


def configured_llm(settings, stub, **others):
    """Return the language model before the stub; a second is a long time to it."""
    settings.LLM_MODEL, settings.LLM_BASE_URL, settings.LLM_API_KEY = "stub-mini", stub.url, "secret-key"
    settings.LLM_TIMEOUT, settings.LLM_PRICES = 1, {"in": 0.15, "out": 0.6}
    for name, value in others.items():
        setattr(settings, name, value)
    return get_llm()
