from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import Error as DatabaseError
from rich.console import Console
from rich.progress import Progress

from hopper.common.errors import HopperError
from hopper.management.base import GIVEN_UP, Answer, HopperCommand, add_json
from sync import operations

SHOWN = 50
DEAD = f"Open {GIVEN_UP} and look at what the graph did not take."
CANNOT_TELL = 2


class Command(HopperCommand):
    help = "Rebuild the graph from the rows, compare it with them, or say how it fares."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add_json(verbs.add_parser("rebuild", help="Show every row, and remove what no row stands for."))
        reconcile = verbs.add_parser(
            "reconcile", help="Compare: status 0, the graph shows the rows; 1, it differs; 2, nobody can tell."
        )
        how = reconcile.add_mutually_exclusive_group()
        how.add_argument("--check", action="store_true", help="Only compare (what it does anyway).")
        how.add_argument("--repair", action="store_true", help="Mend what differs, and compare again.")
        add_json(reconcile)
        add_json(verbs.add_parser("status", help="Lag, the last check, and what is in the graph beside the rows."))

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell by the status whether a comparison found differences, or could not be made."""
        try:
            super().handle(*args, **options)
        except CommandError as error:
            if options["verb"] == "reconcile" and isinstance(error.__cause__, HopperError | DatabaseError):
                error.returncode = CANNOT_TELL
            raise

    def answer(self, *, verb: str, as_json: bool, **options: Any) -> Answer:
        if verb == "status":
            return operations.graph_status()
        with _progress(quiet=as_json) as tick:
            if verb == "rebuild":
                return asdict(operations.rebuild_graph(tick=tick))
            check, found = operations.reconcile_graph(repair=options["repair"], tick=tick)
        return {
            "found": check.found, "left": check.left, "skipped": check.skipped, "by_kind": check.differences,
            "differences": [str(one) for one in found.counted], "repaired": options["repair"],
        }  # fmt: skip

    def show(self, answer: Answer) -> None:
        differences = answer.get("differences", [])
        for line in differences[:SHOWN]:
            self.stdout.write(line)
        if len(differences) > SHOWN:
            self.stdout.write(f"… and {len(differences) - SHOWN} more; --json lists them all.")
        super().show({name: _words(value) for name, value in answer.items() if name != "differences"})

    def complaint(self, answer: Answer) -> str | None:
        if not answer.get("left"):
            return None
        then = DEAD if answer["repaired"] else "Type: python manage.py graph reconcile --repair"
        return f"The graph differs from the rows in {answer['left']} places. {then}"


def _words(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(one)}" for name, one in value.items()) or "none"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else value


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Any]:
    """Show how many rows of each kind have been dealt with."""
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as progress:
        bars: dict[str, Any] = {}

        def tick(label: str, count: int) -> None:
            if label not in bars:
                total = operations.SUBJECTS[label].rows._default_manager.count()
                bars[label] = progress.add_task(label, total=total)
            progress.update(bars[label], advance=count)

        yield tick
