from typing import Any

from hopper.common.db.info import database_kind, public_url
from hopper.management.base import Answer, HopperCommand


class Command(HopperCommand):
    help = "Show which database Hopper uses; the password is hidden."

    def answer(self, **options: Any) -> Answer:
        return {"url": public_url(), "type": database_kind()}
