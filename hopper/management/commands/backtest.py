from typing import Any

from django.core.management.base import CommandParser
from django.utils.dateparse import parse_datetime

from hopper.common.errors import Invalid
from hopper.management.base import Answer, HopperCommand
from hopper.management.commands.policy import add_version, find_version
from routing.operations import backtest_version

SHOWN = 10


class Command(HopperCommand):
    help = "Replay stored decisions under a policy version and under the one in force; only the report is written."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        add_version(parser)
        parser.add_argument("--newest", type=int, default=10_000, help="How many of the newest decisions (10000).")
        parser.add_argument("--since", help="Only decisions since this moment, like 2026-11-01T00:00:00Z.")

    def answer(self, **options: Any) -> Answer:
        since = parse_datetime(options["since"]) if options["since"] else None
        if options["since"] and (since is None or since.tzinfo is None):
            raise Invalid({"since": ["Write a moment with its zone, like 2026-11-01T00:00:00Z."]})
        version = find_version(options["policy"], options["version_number"])
        made = backtest_version(
            version=version, actor="manage.py backtest", newest=options["newest"], since=since
        )  # fmt: skip
        return {"version": str(version), "report_id": made.pk, **made.report}

    def show(self, answer: Answer) -> None:
        write = self.stdout.write
        write(f"{answer['version']}: {answer['decisions']} decisions made again, {answer['moved']} move.")
        write(f"Of {answer['judged']} judged: {answer['better']} better, {answer['worse']} worse, "
              f"{answer['unknown']} unknown, {answer['level']} as wrong as before.")  # fmt: skip
        for name in ("coverage", "accuracy"):
            before, after = answer["before"][name], answer["after"][name]
            write(f"{name.capitalize()}: {_percent(before)} before, {_percent(after)} after.")
        for move in answer["moves"][:SHOWN]:
            write(f"  {move['count']:>6}  {move['from'] or 'a person'} → {move['to'] or 'a person'}")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
