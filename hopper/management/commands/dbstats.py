from typing import Any

from hopper.common.db.info import database_kind, row_counts
from hopper.management.base import Answer, HopperCommand


class Command(HopperCommand):
    help = "Count the rows of every table."

    def answer(self, **options: Any) -> Answer:
        counts = row_counts()
        return {
            "database_type": database_kind(),
            "table_count": len(counts),
            "tables": sorted(counts),
            "row_counts": counts,
            "total_rows": sum(counts.values()),
        }

    def show(self, answer: Answer) -> None:
        for table, rows in answer["row_counts"].items():
            self.stdout.write(f"{rows:>10,}  {table}")
        total, tables = answer["total_rows"], answer["table_count"]
        self.stdout.write(f"{total:>10,}  rows in {tables} tables ({answer['database_type']})")
