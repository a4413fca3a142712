from typing import Any

from django.core.management.base import CommandParser

from hopper.management.base import Answer, HopperCommand
from routing.operations import embed_all, embed_waiting


class Command(HopperCommand):
    help = "Build the vectors of tasks, patterns and episodes that wait for them."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        scope = parser.add_mutually_exclusive_group()
        scope.add_argument("--stale", action="store_true", help="Also rows without a vector by the configured model.")
        scope.add_argument("--all", action="store_true", help="Every row; unchanged texts cost nothing.")

    def answer(self, *, stale: bool, **options: Any) -> Answer:
        done = embed_waiting(limit=1_000_000)
        if stale or options["all"]:
            done += embed_all(only_stale=stale)
        return {"embedded": done}
