"""docs/database-schema.md, written from the models, so it is the same whatever the database."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import NOT_PROVIDED, Field

COLUMN = re.compile(r"F\((\w+)\)")  # in an index on expressions
HEAD = """# Database schema

Written by `python manage.py dumpschema --markdown > docs/database-schema.md`; a test fails when it is out of date.
Types are those of the models: SQLite and PostgreSQL each have their own words for them
(`python manage.py dumpschema` shows the words of yours).
"""


def schema_document() -> str:
    """Return the whole document."""
    ours = list(our_models())
    return "\n".join([HEAD, *_diagram(ours), *(line for model in ours for line in _chapter(model))]).rstrip() + "\n"


def our_models() -> Iterator[type[models.Model]]:
    """Every model of Hopper's own apps, app by app in their order, then by table."""
    homes = {Path(settings.BASE_DIR), Path(settings.BASE_DIR) / "hopper"}
    for config in apps.get_app_configs():
        if Path(config.path).parent in homes:
            yield from sorted(config.get_models(), key=lambda model: model._meta.db_table)


def _diagram(ours: list[type[models.Model]]) -> Iterator[str]:
    yield from ["```mermaid", "erDiagram"]
    for model in ours:
        for field in _columns(model):
            if field.is_relation and field.related_model in ours:
                yield f"    {model._meta.db_table} {_ends(field)} {_table(field.related_model)} : {field.name}"
    for model in ours:
        yield f"    {model._meta.db_table} {{"
        for field in _columns(model):
            yield f"        {_kind(field).replace(' ', '_')} {field.column} {_key(field)}".rstrip()
        yield "    }"
    yield from ["```", ""]


def _ends(field: Field) -> str:
    """The two ends of a line in Mermaid's crow's feet: how many rows here, how many there."""
    return f"{'|o' if field.unique else '}o'}--{'o|' if field.null else '||'}"


def _chapter(model: type[models.Model]) -> Iterator[str]:
    yield from [f"## {model._meta.db_table}", "", _purpose(model), ""]
    yield from ["| column | type | null | key | default |", "|---|---|---|---|---|"]
    for field in _columns(model):
        null = "yes" if field.null else ""
        yield f"| {field.column} | {_kind(field)} | {null} | {_key(field, named=True)} | {_default(field)} |"
    yield ""
    rules = [f"- {_rule(rule)}" for rule in (*model._meta.indexes, *model._meta.constraints)]
    yield from [*rules, ""] if rules else []


def _columns(model: type[models.Model]) -> list[Any]:
    return list(model._meta.local_concrete_fields)


def _table(model: type[models.Model]) -> str:
    return model._meta.db_table


def _purpose(model: type[models.Model]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _kind(field: Any) -> str:
    """`PositiveBigIntegerField` is `positive big integer`, a foreign key has the type of what it points at."""
    if field.is_relation:
        return _kind(field.target_field)
    if isinstance(field, models.GeneratedField):
        return _kind(field.output_field)
    words = re.findall(r"[A-Z][a-z]+|[A-Z]+(?![a-z])", field.get_internal_type().removesuffix("Field"))
    length = f"({field.max_length})" if field.max_length and isinstance(field, models.CharField) else ""
    return " ".join(words).lower() + length


def _key(field: Any, *, named: bool = False) -> str:
    target = f" → {_table(field.related_model)}" if named and field.is_relation else ""
    kinds = {"PK": field.primary_key, f"FK{target}": field.is_relation, "UK": field.unique and not field.primary_key}
    return ", ".join(kind for kind, applies in kinds.items() if applies)


def _default(field: Any) -> str:
    if isinstance(field, models.GeneratedField):
        return "computed"
    if field.db_default is NOT_PROVIDED:
        return ""
    value = getattr(field.db_default, "value", field.db_default)
    return "now" if isinstance(value, models.Func) else f"`{json.dumps(value)}`"


def _rule(rule: models.Index | models.BaseConstraint) -> str:
    fields = ", ".join(getattr(rule, "fields", ()) or COLUMN.findall(str(getattr(rule, "expressions", ""))))
    if isinstance(rule, models.Index):
        return f"index `{rule.name}` ({fields or 'an expression'}){', PostgreSQL only' if rule.suffix == 'gin' else ''}"
    kind = "unique" if isinstance(rule, models.UniqueConstraint) else "check"
    partial = ", where its condition holds" if fields and getattr(rule, "condition", None) else ""
    return f"{kind} `{rule.name}`{f' ({fields})' if fields else ''}{partial}"
