from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from hopper.common.db.backup import restore_database
from hopper.common.db.info import public_url
from hopper.management.base import Answer, HopperCommand


class Command(HopperCommand):
    help = "Put a backup in the place of everything in the database; stop web, worker and beat first."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path)
        parser.add_argument("--yes", action="store_true", help="Yes, replace everything.")

    def answer(self, *, file: Path, yes: bool, **options: Any) -> Answer:
        if not yes:
            raise CommandError(f"This replaces everything in {public_url()}. Add --yes if that is what you want.")
        restore_database(file)
        return {"restored": str(file), "database": public_url()}

    def show(self, answer: Answer) -> None:
        self.stdout.write(f"{answer['database']} is as {answer['restored']} has it. Next: python manage.py migrate")
