from typing import Any

from hopper.common.db.info import database_kind, vacuum
from hopper.management.base import Answer, HopperCommand


class Command(HopperCommand):
    help = "Give the space of deleted rows back to the disk."

    def answer(self, **options: Any) -> Answer:
        vacuum()
        return {"vacuumed": database_kind()}
