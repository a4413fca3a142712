from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from rich.console import Console
from rich.progress import DownloadColumn, Progress

from hopper.events.models import Delivery
from hopper.management.base import Answer, HopperCommand
from routing import operations


class Command(HopperCommand):
    help = "Build the vectors of tasks, patterns and episodes that wait for them."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        scope = parser.add_mutually_exclusive_group()
        scope.add_argument("--stale", action="store_true", help="Also rows without a vector by the configured model.")
        scope.add_argument("--all", action="store_true", help="Every row; unchanged texts cost nothing.")
        scope.add_argument(
            "--fetch-model", action="store_true", help="Download all-MiniLM-L6-v2 for EMBEDDINGS_PROVIDER=onnx."
        )

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Fetch the model although the system checks miss it."""
        return super().execute(*args, **options | {"skip_checks": options["skip_checks"] or options["fetch_model"]})

    def answer(self, *, stale: bool, fetch_model: bool, as_json: bool, **options: Any) -> Answer:
        return _fetch(quiet=as_json) if fetch_model else _embed(stale=stale, everything=options["all"])

    def show(self, answer: Answer) -> None:
        names = {"fetched": ", ".join(answer["fetched"]) or "nothing, all is there"} if "fetched" in answer else {}
        super().show(answer | names)


def _embed(*, stale: bool, everything: bool) -> Answer:
    """Return the tally, and how many deliveries are still open: the provider is away, or they wait for another try."""
    tally = operations.Tally()
    operations.embed_waiting(limit=1_000_000, tally=tally)
    if stale or everything:
        operations.embed_all(only_stale=stale, tally=tally)
    return {**asdict(tally), "waiting": Delivery.objects.open().filter(consumer=operations.CONSUMER).count()}


def _fetch(*, quiet: bool) -> Answer:
    columns = [*Progress.get_default_columns(), DownloadColumn()]
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as progress:
        bar = progress.add_task("Fetching", total=None)
        folder, fetched = operations.fetch_model(
            tick=lambda count, total: progress.update(bar, advance=count, total=total)
        )
    used = settings.EMBEDDINGS_PROVIDER == "onnx"
    command = "python manage.py embed --stale"
    then = f"Type: {command}" if used else f"Set EMBEDDINGS_PROVIDER=onnx, then type: {command}"
    return {"fetched": fetched, "folder": str(folder), "next": then}
