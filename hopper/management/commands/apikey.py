from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import models
from django.utils import timezone

from hopper.common.keys import DEFAULT_DAYS, SCHEME, create_key, revoke_key
from hopper.common.models import ApiKey, Role
from hopper.management.base import Answer, HopperCommand, add_json
from instances.models import Instance
from projects.models import Project


class Command(HopperCommand):
    help = "Make, list and revoke API keys."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="Make a key and show it this once.")
        create.add_argument("--name", required=True, help="Who or what will use it.")
        create.add_argument("--role", choices=Role.values, default=Role.VIEWER.value)
        create.add_argument("--days", type=int, default=DEFAULT_DAYS, help="How long it lives (1 to 365).")
        create.add_argument("--project", nargs="+", default=[], help="Only these projects.")
        create.add_argument("--instance", nargs="+", default=[], help="Only the branches of these instances.")
        revoke = actions.add_parser("revoke", help="Make a key useless from now on.")
        revoke.add_argument("prefix", help="The part of the key between hop_ and the dot.")
        for action in (create, revoke, actions.add_parser("list", help="Show every key without its secret.")):
            add_json(action)

    def answer(self, *, action: str, **options: Any) -> Answer:
        match action:
            case "create":
                return _create(**options)
            case "revoke":
                return _revoke(options["prefix"])
        return {"keys": [_describe(key) for key in ApiKey.objects.order_by("created_at", "pk")]}

    def show(self, answer: Answer) -> None:
        for key in answer.get("keys", [answer]):
            state = "revoked" if key["revoked_at"] else f"until {key['expires_at']:%Y-%m-%d}"
            self.stdout.write(f"{SCHEME}{key['prefix']}  {key['role']:<13}  {state:<16}  {key['name']}")
        if "key" in answer:
            self.stdout.write(f"The key, shown only now: {answer['key']}")


def _create(*, name: str, role: str, days: int, project: list[str], instance: list[str], **_: Any) -> Answer:
    _refuse_unknown(Project, project)
    _refuse_unknown(Instance, instance)
    key, text = create_key(name=name, role=role, days=days, projects=project, instances=instance)
    return {"key": text, **_describe(key)}


def _refuse_unknown(model: type[models.Model], names: Iterable[str]) -> None:
    """Refuse a misspelt limit: such a key would quietly see nothing."""
    for name in names:
        if not model._default_manager.filter(pk=name).exists():
            raise CommandError(f"There is no {model._meta.verbose_name} {name!r}.")


def _revoke(prefix: str) -> Answer:
    bare = prefix.removeprefix(SCHEME).partition(".")[0]
    key = ApiKey.objects.filter(prefix=bare).first()
    if key is None:
        raise CommandError(f"There is no key {bare!r}. Type: python manage.py apikey list")
    return _describe(revoke_key(key=key))


def _describe(key: ApiKey) -> Answer:
    now = timezone.now()
    return {
        "prefix": key.prefix, "name": key.name, "role": str(key.role), "projects": key.projects,
        "instances": key.instances, "expires_at": key.expires_at, "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
        "is_live": not key.revoked_at and (key.expires_at is None or key.expires_at > now),
    }  # fmt: skip
