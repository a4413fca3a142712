from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from hopper.events.models import Delivery
from hopper.events.operations import NotDead, purge_deliveries, retry_delivery, traffic
from hopper.management.base import Answer, HopperCommand, add_json

LONGEST_WAIT = 600  # seconds; then somebody should be woken


class Command(HopperCommand):
    help = "See what is on its way to consumers, try again what was given up, forget what is done."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        stats = actions.add_parser("stats", help="Count what is undone, for each consumer.")
        stats.add_argument(
            "--check", action="store_true",
            help="Fail if something was given up, a consumer is away, or the oldest waits for ten minutes.",
        )  # fmt: skip
        retry = actions.add_parser("retry", help="Try again what was given up: all of it, or some.")
        retry.add_argument("--consumer", help="Only what was for this consumer.")
        retry.add_argument("--id", type=int, help="Only this delivery.")
        for action in (stats, retry, actions.add_parser("purge", help="Forget what was delivered 7 days ago.")):
            add_json(action)

    def answer(self, *, action: str, **options: Any) -> Answer:
        match action:
            case "retry":
                return _retry(options["consumer"], options["id"])
            case "purge":
                return {"purged": purge_deliveries()}
        consumers = [asdict(one) for one in traffic()]
        return {"consumers": consumers, "alarms": list(_alarms(consumers)) if options["check"] else []}

    def show(self, answer: Answer) -> None:
        if "consumers" not in answer:
            return super().show(answer)
        for one in answer["consumers"]:
            away = f"  away since {one['away_since']:%Y-%m-%d %H:%M}: {one['last_error']}" if one["away_since"] else ""
            self.stdout.write(
                "{consumer:<12} {pending:>7,} pending {leased:>5,} leased {dead:>5,} dead"
                "  oldest {oldest_seconds:,.0f} s{away}".format(**one, away=away)
            )
        return None

    def complaint(self, answer: Answer) -> str | None:
        return "\n".join(answer.get("alarms", ())) or None


def _retry(consumer: str | None, key: int | None) -> Answer:
    known = [one.consumer for one in traffic()]
    if consumer is not None and consumer not in known:
        raise CommandError(f"There is no consumer {consumer!r}: there are {', '.join(known) or 'none'}.")
    wanted = {name: value for name, value in (("consumer", consumer), ("pk", key)) if value is not None}
    dead = list(Delivery.objects.dead().filter(**wanted).order_by("pk"))
    if key is not None and not dead:
        raise CommandError(f"There is no dead delivery {key}. Type: python manage.py events stats")
    states = Counter(_retried(delivery) for delivery in dead)
    return {"retried": states[Delivery.Status.PENDING], "settled": states[Delivery.Status.DONE]}


def _retried(delivery: Delivery) -> str | None:
    try:
        return retry_delivery(delivery=delivery).status
    except NotDead:
        return None  # somebody else was quicker


def _alarms(consumers: list[Answer]) -> Iterator[str]:
    for one in consumers:
        if one["dead"]:
            yield f"{one['consumer']}: {one['dead']} were given up. Type: python manage.py events retry"
        if one["away_since"]:
            yield f"{one['consumer']}: away since {one['away_since']:%Y-%m-%d %H:%M} UTC: {one['last_error']}"
        if one["oldest_seconds"] > LONGEST_WAIT:
            yield f"{one['consumer']}: the oldest waits for {one['oldest_seconds']:,.0f} s. Do relay or workers run?"
