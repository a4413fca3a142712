from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from hopper.common.errors import Invalid
from hopper.management.base import Answer, HopperCommand, add_json
from instances.models import Instance
from routing import operations
from routing.models import Policy, PolicyVersion

ACTOR = "manage.py policy"


class Command(HopperCommand):
    help = "Load, show, compare, activate and roll back policies."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        load = actions.add_parser("load", help="Check a YAML file, backtest it and put it in force as a new version.")
        load.add_argument("file", type=Path)
        load.add_argument("--name", help="The policy's name; else that of the file.")
        load.add_argument(
            "--instance", metavar="ID", help="The instance that a new policy decides for; else the house."
        )
        load.add_argument("--draft", action="store_true", help="Keep it as a draft.")
        show = actions.add_parser("show", help="Print the active version as YAML.")
        add_policy(show)
        export = actions.add_parser("export", help="Print a version as YAML, the active one unless one is named.")
        diff = actions.add_parser("diff", help="Show what a version changes in the active one.")
        activate = actions.add_parser("activate", help="Put a backtested version in force.")
        activate.add_argument("--force", action="store_true", help="Even without a backtest.")
        for action in (export, diff, activate):
            add_version(action)
        rollback = actions.add_parser("rollback", help="Put back in force what stood before the active version.")
        add_policy(rollback)
        propose = actions.add_parser("propose", help="Propose rules from learned patterns, as happens every night.")
        for action in (load, show, export, diff, activate, rollback, propose):
            add_json(action)

    def answer(self, *, action: str, **options: Any) -> Answer:
        if action == "load":
            name = options["name"] or options["file"].stem
            return _load(options["file"], name, draft=options["draft"], instance=find_instance(options["instance"]))
        if action == "propose":
            return {"proposed": [row.rule for row in operations.propose_rules(actor=ACTOR)]}
        version = find_version(options.get("policy"), options.get("version_number"))
        if action == "diff":
            active = PolicyVersion.objects.in_force().at(version.instance_id).first()
            return operations.compare_versions(version=version, other=active)
        if action == "activate":
            version = operations.activate_version(version=version, actor=ACTOR, force=options["force"])
        if action == "rollback":
            version = operations.roll_back(policy=version.policy, actor=ACTOR)
        return _describe(version)

    def show(self, answer: Answer) -> None:
        if "yaml" in answer:
            self.stdout.write(answer["yaml"], ending="")
        else:
            super().show(answer)


def add_policy(parser: CommandParser) -> None:
    """Let the parser understand which policy is meant."""
    parser.add_argument("--policy", metavar="NAME", help="The policy's name; else the one in force for the house.")


def add_version(parser: CommandParser) -> None:
    """Let the parser understand which version of which policy is meant."""
    add_policy(parser)
    parser.add_argument("--number", dest="version_number", type=int, help="The version; else the one in force.")


def find_version(name: str | None, number: int | None) -> PolicyVersion:
    """Return the version that was named, else the one in force.

    :raises CommandError: if there is none
    """
    rows = PolicyVersion.objects.select_related("policy", "instance")
    active = rows.in_force().filter(policy__name=name) if name else rows.in_force().at(None)
    if number is None:
        version = active.first()
        if version is None:
            raise CommandError("No policy is in force. Type: python manage.py policy load FILE")
        return version
    policy = Policy.objects.filter(name=name) if name else Policy.objects.filter(versions__in=active)
    version = rows.filter(policy__in=policy, number=number).first()
    if version is None:
        raise CommandError(f"There is no version {number} of {name or 'the policy in force'}.")
    return version


def find_instance(key: str | None) -> Instance | None:
    """Return the instance of the id, or None if none is named.

    :raises CommandError: if there is none
    """
    found = Instance.objects.filter(pk=key).first() if key else None
    if key and found is None:
        raise CommandError(f"There is no instance {key!r}.")
    return found


def _load(file: Path, name: str, *, draft: bool, instance: Instance | None) -> Answer:
    try:
        content = operations.read_policy(text=file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is no YAML: it is not UTF-8.") from error
    except Invalid as error:
        raise CommandError("\n".join(f"{file}: {text}" for text in error.errors["yaml"])) from error
    version = operations.load_policy(
        name=name, content=content, actor=ACTOR, activate=not draft, instance=instance
    )  # fmt: skip
    report = version.backtests.newest_first().values_list("report", flat=True).first()
    return {**_describe(version), "backtest": report}


def _describe(version: PolicyVersion) -> Answer:
    return {
        "name": version.policy.name, "instance": version.instance_id, "version": version.number, "state": version.state,
        "activated_at": version.activated_at, **version.content, "yaml": operations.write_policy(version=version),
    }  # fmt: skip
