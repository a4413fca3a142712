from typing import Any

from django.core.management.base import CommandError, CommandParser

from hopper.management.base import Answer, HopperCommand
from routing import operations
from tasks.models import Task


class Command(HopperCommand):
    help = "Say why a task is to go where it is to go, and what would have changed it."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("task", metavar="ID")

    def answer(self, *, task: str, **options: Any) -> Answer:
        found = Task.objects.filter(pk=task).first()
        if found is None:
            raise CommandError(f"There is no task {task!r}.")
        return {"task": found.pk, **operations.explain_task(task=found)}

    def show(self, answer: Answer) -> None:
        self.stdout.write(answer["sentence"])
        for place in answer["candidates"]:
            factors = ", ".join(f"{name} {score:.2f}" for name, score in place["factors"].items())
            self.stdout.write(f"  {place['score']:4.0%} {place['project']}: {factors}")
        for flip in answer["flips"]:
            goal = flip["project"] or "a person is asked"
            self.stdout.write(f"  {flip['change']} → {goal} ({flip['confidence']:.0%})")
        for why, count in answer["filtered"].items():
            self.stdout.write(f"  removed: {count} {why}")
