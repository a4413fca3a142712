from typing import Any

from hopper.management.base import Answer, HopperCommand
from tasks.operations import promote_aged, reap_leases


class Command(HopperCommand):
    help = "Give back tasks whose lease has run out, and let those that waited too long go first; workers do it too."

    def answer(self, **options: Any) -> Answer:
        return {"returned": reap_leases(), "aged": promote_aged()}
