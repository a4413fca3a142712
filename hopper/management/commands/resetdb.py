from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser

from hopper.common.db.info import public_url
from hopper.common.db.reset import drop_tables
from hopper.management.base import Answer, HopperCommand


class Command(HopperCommand):
    help = "Drop every table and migrate from nothing; only while DEBUG is on."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--yes", action="store_true", help="Yes, delete everything.")

    def answer(self, *, yes: bool, **options: Any) -> Answer:
        if not settings.DEBUG:
            raise CommandError("resetdb refuses while DEBUG is off: set DEBUG=true if nobody needs this database.")
        if not yes:
            raise CommandError(f"This deletes everything in {public_url()}. Type: python manage.py resetdb --yes")
        dropped = drop_tables()
        call_command("migrate", interactive=False, verbosity=0)
        return {"database": public_url(), "tables_dropped": len(dropped)}

    def show(self, answer: Answer) -> None:
        self.stdout.write(f"{answer['database']} is empty and migrated ({answer['tables_dropped']} tables dropped).")
