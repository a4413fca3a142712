"""System checks of the advisers: a language model has a budget."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def language_model_has_a_budget(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report a language model that may cost any sum, and a budget in dollars that nobody can count."""
    if not settings.LLM_MODEL:
        return []
    if not (settings.LLM_DAILY_CALLS or settings.LLM_DAILY_TOKENS or settings.LLM_DAILY_BUDGET):
        hint = "Set LLM_DAILY_CALLS, LLM_DAILY_TOKENS or LLM_DAILY_BUDGET above 0."
        return [Error("LLM_MODEL is set without a budget.", hint=hint, id="hopper.E012")]
    if settings.LLM_DAILY_BUDGET and not {"in", "out"} <= settings.LLM_PRICES.keys():
        hint = "Set LLM_PRICES to dollars a million tokens, like in=0.15,out=0.6."
        return [Error("LLM_DAILY_BUDGET needs the prices of the model.", hint=hint, id="hopper.E012")]
    return []
