from typing import Any

from hopper.management.base import Answer, HopperCommand
from routing.operations import consolidate


class Command(HopperCommand):
    help = "Mine the judged episodes now: patterns, proven skills, and a commit to the memory repository."

    def answer(self, **options: Any) -> Answer:
        run = consolidate(actor="command")
        return {"run": run.pk, "state": run.state, **run.counts, "commit": run.commit, "log": run.log}

    def show(self, answer: Answer) -> None:
        self.stdout.write(answer["log"])
