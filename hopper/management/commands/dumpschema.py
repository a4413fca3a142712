from typing import Any

from django.core.management.base import CommandParser

from hopper.common.db.info import describe_tables
from hopper.management.base import Answer, HopperCommand
from hopper.management.schema import schema_document


class Command(HopperCommand):
    help = "Print every table with its columns, types and indexes as the database has them."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--markdown", action="store_true", help="Print docs/database-schema.md, written from the models instead."
        )

    def answer(self, *, markdown: bool, **options: Any) -> Answer:
        return {"markdown": schema_document()} if markdown else {"tables": describe_tables()}

    def show(self, answer: Answer) -> None:
        if "markdown" in answer:
            self.stdout.write(answer["markdown"], ending="")
        for table, parts in answer.get("tables", {}).items():
            self.stdout.write(table)
            for column in parts["columns"]:
                null = "" if column["null"] else " not null"
                self.stdout.write(f"  {column['name']} {column['type']}{null}")
            for index in parts["indexes"]:
                unique = "unique index" if index["unique"] else "index"
                self.stdout.write(f"  {unique} {index['name']} ({', '.join(index['columns'])})")
