from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import CommandError, CommandParser

from hopper.management.base import Answer, HopperCommand, add_json
from routing.models import PolicyVersion
from routing.operations import load_policy

ACTOR = "manage.py policy"


class Command(HopperCommand):
    help = "Put a policy file in force, or show the policy that is."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        load = actions.add_parser("load", help="Check a YAML file and put it in force as a new version.")
        load.add_argument("file", type=Path)
        load.add_argument("--name", help="The policy's name; else that of the file.")
        for action in (load, actions.add_parser("show", help="Print the active version as YAML.")):
            add_json(action)

    def answer(self, *, action: str, **options: Any) -> Answer:
        if action == "load":
            return _load(options["file"], options["name"] or options["file"].stem)
        version = PolicyVersion.objects.select_related("policy").filter(state=PolicyVersion.State.ACTIVE).first()
        if version is None:
            raise CommandError("No policy is in force. Type: python manage.py policy load FILE")
        return _describe(version)

    def show(self, answer: Answer) -> None:
        content = {name: answer[name] for name in ("rules", "weights", "thresholds")}
        since = f"{answer['activated_at']:%Y-%m-%d %H:%M} UTC"
        self.stdout.write(f"# {answer['name']}, version {answer['version']}, in force since {since}")
        self.stdout.write(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), ending="")


def _load(file: Path, name: str) -> Answer:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} is no YAML: {error}") from error
    return _describe(load_policy(name=name, content=content, actor=ACTOR))


def _describe(version: PolicyVersion) -> Answer:
    return {
        "name": version.policy.name, "version": version.number, "activated_at": version.activated_at,
        "rules": version.rules, "weights": version.weights, "thresholds": version.thresholds,
    }  # fmt: skip
