from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress

from hopper.management.base import Answer, HopperCommand
from routing import operations
from routing.models import Decision
from tasks.models import Task

BATCH = 50


class Command(HopperCommand):
    help = "Route one pending task, or everything that waits."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("task", nargs="?", metavar="ID", help="The task to route, even one that waits for review.")
        which.add_argument("--all", action="store_true", dest="everything", help="Route until nothing waits.")

    def answer(self, *, task: str | None, everything: bool, as_json: bool, **options: Any) -> Answer:
        return _route_everything(quiet=as_json) if everything else _route_one(task or "")

    def show(self, answer: Answer) -> None:
        if "task" not in answer:
            self.stdout.write("{decided} tasks decided: {routed} routed, {reviewed} sent to review.".format(**answer))
            return
        place = answer["project"] or answer["instance"] or "review"
        self.stdout.write(f"{answer['task']} → {place} ({answer['confidence']:.2f}): {answer['reasoning']}")


def _route_one(key: str) -> Answer:
    task = Task.objects.filter(pk=key).first()
    if task is None:
        raise CommandError(f"There is no task {key!r}.")
    decision = operations.route_task(task=task)
    return {
        "task": task.pk, "outcome": decision.outcome, "project": decision.project_id,
        "instance": decision.instance_id, "confidence": decision.confidence, "reasoning": decision.reasoning,
    }  # fmt: skip


def _route_everything(*, quiet: bool) -> Answer:
    begun, decided = timezone.now(), 0
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as progress:
        bar = progress.add_task("Routing", total=Task.objects.awaiting_routing(now=begun).count())
        while done := operations.route_waiting(limit=BATCH):
            decided += done
            progress.advance(bar, done)
    fresh = Decision.objects.filter(decided_at__gte=begun)
    reviewed = fresh.abstained().count()
    return {"decided": decided, "routed": fresh.count() - reviewed, "reviewed": reviewed}
