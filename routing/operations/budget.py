"""What a day of advice may cost: taken up before a question is asked, settled by what was paid."""

from datetime import date

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from routing.advisers import Adviser, Usage
from routing.models import AdviserUsage


def reserve(*, model: str, most: Usage) -> bool:
    """Take up the most that a question can cost; False if the day's budget does not allow it.

    One conditional update: however many ask at once, they never pass the limit together.
    """
    row, _ = AdviserUsage.objects.get_or_create(day=_today(), model=model)
    room = AdviserUsage.objects.filter(pk=row.pk)
    limits = {
        "calls": (settings.LLM_DAILY_CALLS, most.calls), "tokens": (settings.LLM_DAILY_TOKENS, most.tokens),
        "dollars": (settings.LLM_DAILY_BUDGET, most.dollars or 0.0),
    }  # fmt: skip
    for name, (limit, wanted) in limits.items():
        room = room.filter(**{f"{name}__lte": limit - wanted}) if limit else room
    return bool(room.update(**{name: F(name) + wanted for name, (_, wanted) in limits.items()}))


def settle_cost(*, adviser: Adviser, most: Usage) -> None:
    """Put what was paid in the place of what was taken up; without a count the answer costs what was taken up.

    Call it outside of any transaction: what was paid for stays paid, whatever becomes of the answer.
    """
    paid = adviser.take_usage()
    if paid.tokens or not paid.calls:
        AdviserUsage.objects.filter(day=_today(), model=adviser.model).update(
            tokens=F("tokens") + paid.tokens - most.tokens,
            dollars=F("dollars") + (paid.dollars or 0.0) - (most.dollars or 0.0),
        )  # fmt: skip


def _today() -> date:
    return timezone.now().date()
