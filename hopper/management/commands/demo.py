"""Show Hopper's main job on real data, then serve it."""

import json
import secrets
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hopper.common.keys import create_key
from hopper.common.models import Role
from hopper.demo import report, run
from hopper.demo.source import read_cases
from tasks.models import Task

ACCOUNT = "demo"


class Command(BaseCommand):
    """Teach from confirmed tasks, route unseen ones live, print how well it went, serve admin and API."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, help="A JSONL or CSV file with text,label[,split]; else the sample.")
        parser.add_argument("--limit", type=int, help="Route at most this many of the unseen tasks.")
        parser.add_argument("--no-serve", action="store_true", help="Stop after the tables.")
        parser.add_argument("--json", action="store_true", help="End with one JSON object.")
        parser.add_argument("--fresh", action="store_true", help="Empty the database first, whatever is in it.")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        begun = time.perf_counter()
        console = Console(stderr=options["json"])
        cases = read_cases(options["data"], options["limit"])
        _prepare_database(fresh=options["fresh"])
        console.print(f"[bold]Hopper[/bold] on {cases.name}: {len(cases.confirmed):,} confirmed tasks to learn from, ")
        console.print(f"{len(cases.unseen):,} unseen ones to route, {len(cases.labels)} projects.")
        for split, count in cases.left_out.items():
            console.print(f"[dim]{count:,} rows of the split {split!r} are left out.[/dim]")
        projects = run.prepare_places(cases, is_sample=options["data"] is None)
        with _progress(console) as bar:
            run.teach(cases, projects, bar("Learning from confirmed tasks", len(cases.confirmed)))
            routing_begun = time.perf_counter()
            outcomes = run.route_live(cases, bar("Routing unseen tasks", len(cases.unseen)))
        now = time.perf_counter()
        figures = report.measure(outcomes, seconds=now - begun, routing_seconds=now - routing_begun)
        report.show(console, figures, outcomes)
        if not options["no_serve"]:
            _invite(console, options["port"])
        if options["json"]:
            self.stdout.write(json.dumps(figures))
        if not options["no_serve"]:
            call_command("serve", port=options["port"])


def _prepare_database(*, fresh: bool) -> None:
    """Migrate, and empty what an earlier demo left; what is not the demo's is never touched."""
    call_command("migrate", verbosity=0)
    foreign = Task.objects.exclude(source_instance_id=run.ACTOR).exclude(created_at__lt=run.SEEDS_ARE_BEFORE)
    if not fresh and foreign.exists():
        raise CommandError(
            "This database holds tasks that are not the demo's. Name another one, "
            "like DATABASE_URL=sqlite:///demo.db, or add --fresh to empty this one."
        )
    if Task.objects.exists() or fresh:
        call_command("flush", interactive=False, verbosity=0)


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[str, int], run.Tick]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:

        def bar(title: str, total: int) -> run.Tick:
            row = progress.add_task(title, total=total)
            return lambda count: progress.advance(row, count)

        yield bar


def _invite(console: Console, port: int) -> None:
    """Make an account and a key, and say what to try."""
    password = secrets.token_urlsafe(9)
    get_user_model().objects.create_superuser(ACCOUNT, password=password)
    _, key = create_key(name="demo", role=Role.ADMINISTRATOR, days=7)
    root = f"http://127.0.0.1:{port}"
    header = f"-H 'Authorization: Bearer {key}' -H 'Content-Type: application/json'"
    console.rule("[green]Hopper is serving")
    lines = [
        f"Admin  {root}/admin/  account {ACCOUNT}  password {password}",
        f"API    {root}/api/docs/  key {key}",
        "",
        f"1. Answer what Hopper was not sure about: {root}/admin/review/",
        "2. Let it route a task of yours:",
        f'   curl -s {root}/api/v1/tasks {header} -d \'{{"title": "Rotate the signing keys"}}\'',
        "3. Ask without storing anything:",
        f'   curl -s {root}/api/v1/routing/suggest {header} -d \'{{"title": "The search box ignores umlauts"}}\'',
        "4. Watch what happens meanwhile:",
        f"   curl -sN http://127.0.0.1:{port + 1}/api/v1/events/stream -H 'Authorization: Bearer {key}'",
        "",
        "Ctrl-C stops it.",
    ]
    for line in lines:  # unwrapped, so that a command can be copied
        console.print(line, soft_wrap=True, markup=False, highlight=False)
