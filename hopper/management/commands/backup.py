from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from hopper.common.db.backup import backup_database
from hopper.common.db.info import database_kind
from hopper.management.base import Answer, HopperCommand


class Command(HopperCommand):
    help = "Copy the whole database to a new file while Hopper runs."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path)

    def answer(self, *, file: Path, **options: Any) -> Answer:
        backup_database(file)
        return {"file": str(file), "bytes": file.stat().st_size, "type": database_kind()}

    def show(self, answer: Answer) -> None:
        self.stdout.write(f"{answer['file']} holds the whole database ({answer['bytes']:,} bytes, {answer['type']}).")
