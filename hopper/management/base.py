"""The base of Hopper's commands: one answer, for people or, with `--json`, for programs."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import Error as DatabaseError

from hopper.common.errors import HopperError, Invalid

Answer = dict[str, Any]
GIVEN_UP = "/admin/events/delivery/?status__exact=dead"  # where people look at what was given up


def add_json(parser: CommandParser, **options: Any) -> None:
    """Let the parser understand `--json`."""
    parser.add_argument(
        "--json", action="store_true", dest="as_json", help="Print the answer as one JSON object.", **options
    )


class HopperCommand(BaseCommand):
    """Subclasses return what they found out or did from `answer`; what fails ends with a sentence and status 1."""

    def add_arguments(self, parser: CommandParser) -> None:
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            answer = self.answer(**options)
        except HopperError as error:
            raise CommandError(_sentences(error)) from error
        except DatabaseError as error:
            raise CommandError(f"The database refused: {_first_line(error)}\nType: python manage.py doctor") from error
        if options["as_json"]:
            self.stdout.write(json.dumps(answer, cls=DjangoJSONEncoder, ensure_ascii=False))
        else:
            self.show(answer)
        if complaint := self.complaint(answer):
            raise CommandError(complaint)

    def answer(self, *args: Any, **options: Any) -> Answer:
        """Do the work; subclasses name the options that they want."""
        raise NotImplementedError

    def show(self, answer: Answer) -> None:
        """Print the answer for people."""
        for name, value in answer.items():
            self.stdout.write(f"{name}: {value}")

    def complaint(self, answer: Answer) -> str | None:
        """Return why the command failed although it has an answer, or nothing."""
        return None


def _sentences(error: HopperError) -> str:
    if isinstance(error, Invalid):
        return "\n".join(f"{field}: {text}" for field, texts in error.errors.items() for text in texts)
    return error.message


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
