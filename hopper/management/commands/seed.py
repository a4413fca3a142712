from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandParser

from hopper.common.db.info import row_counts
from hopper.management.base import Answer, HopperCommand
from hopper.management.seeds import plant_seeds, seed_files


class Command(HopperCommand):
    help = "Bring the example tree, projects, rules and tasks; rows that are there already stay as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--reset", action="store_true", help="Empty the database first (resetdb --yes).")

    def answer(self, *, reset: bool, **options: Any) -> Answer:
        if reset:
            return self._begin_anew()
        planted = plant_seeds()
        return {"loaded": planted.loaded.total(), "skipped": planted.skipped.total(), "tables": planted.loaded}

    def _begin_anew(self) -> Answer:
        seed_files()  # better no seeds now than after everything is gone
        call_command("resetdb", yes=True, stdout=self.stderr)
        empty = row_counts()
        call_command("loaddata", "seeds", verbosity=0)
        loaded = {table: rows - empty[table] for table, rows in row_counts().items() if rows > empty[table]}
        return {"loaded": sum(loaded.values()), "skipped": 0, "tables": loaded}

    def show(self, answer: Answer) -> None:
        for table, rows in answer["tables"].items():
            self.stdout.write(f"{rows:>6,}  {table}")
        self.stdout.write(f"{answer['loaded']:,} rows loaded, {answer['skipped']:,} were there already.")
