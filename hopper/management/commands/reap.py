from typing import Any

from hopper.management.base import Answer, HopperCommand
from tasks.operations import escalate_tasks, promote_aged, reap_leases


class Command(HopperCommand):
    help = "Give back tasks whose lease ran out, let those that waited too long go first, escalate; workers do it too."

    def answer(self, **options: Any) -> Answer:
        return {"returned": reap_leases(), "aged": promote_aged(), "escalated": sum(escalate_tasks().values())}
