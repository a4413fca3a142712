"""The schema: migrations say what the models say, go back and forth, and plain SQL can write the main tables."""

import json
import os
import subprocess
import sys
import uuid
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from hopper.events.operations import check_row

BACK_AND_FORTH = """
import json, django
django.setup()
from django.apps import apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from hopper.common.db.info import describe_tables

ours = ["common", "events", "instances", "projects", "tasks", "routing", "feedback", "sync"]
names = {model._meta.db_table for label in ours for model in apps.get_app_config(label).get_models()}

def stand():
    return {name: table for name, table in describe_tables().items() if name in names}

def migrate(targets):
    MigrationExecutor(connection).migrate(targets)

newest = [node for node in MigrationExecutor(connection).loader.graph.leaf_nodes() if node[0] in ours]
migrate(newest)
before = stand()
migrate([(label, None) for label in ours])
gone = stand()
migrate(newest)
print(json.dumps({"wanted": sorted(names), "before": before, "gone": gone, "after": stand()}))
"""


def run_back_and_forth(url):
    """Migrate an empty database forward, every app back to nothing, and forward again, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", BACK_AND_FORTH], cwd=settings.BASE_DIR, capture_output=True, text=True, check=False,
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "hopper.settings"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture
def empty_database(django_db_blocker, tmp_path):
    """The URL of an empty database, of the kind that the tests run on."""
    if connection.vendor != "postgresql":
        yield f"sqlite:///{tmp_path / 'hopper.db'}"
        return
    name = f"hopper_migrations_{uuid.uuid4().hex[:8]}"
    with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        yield urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}").geturl()
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


class TestMigrations:
    """From nothing and back."""

    @pytest.mark.django_db
    def test_say_what_the_models_say(self):
        call_command("makemigrations", "--check", "--dry-run", verbosity=0)

    @pytest.mark.processes
    def test_go_back_and_forth(self, empty_database):
        seen = run_back_and_forth(empty_database)

        assert sorted(seen["before"]) == seen["wanted"]
        assert seen["gone"] == {}
        assert seen["after"] == seen["before"]


# table, the columns that have no default
ROWS = [
    ("instances.Instance", {"id": "attic", "name": "Attic", "scope": "GLOBAL"}),
    ("projects.Project", {"name": "sark", "slug": "sark"}),
    ("tasks.Task", {"id": "t1", "title": "Draw the map"}),
    ("routing.Pattern", {"id": "p1", "name": "Maps", "pattern_type": "tag"}),
]
ALSO = {"routing.Pattern": {"target_project": "sark"}}  # by a constraint: a pattern points somewhere


def required_columns(model):
    """Return the columns that plain SQL has to give."""
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    return {field.column for field in fields if not field.null and not field.has_db_default()}


def insert(model, row):
    """Store a row by plain SQL, as psql or another program would."""
    quote = connection.ops.quote_name
    names, marks = ", ".join(map(quote, row)), ", ".join(["%s"] * len(row))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({marks})", list(row.values()))


@pytest.mark.django_db
@pytest.mark.parametrize(("label", "row"), ROWS)
class TestPlainSql:
    """What another program writes is a row like any other."""

    def test_needs_only_the_columns_that_have_no_default(self, label, row):
        assert required_columns(apps.get_model(label)) == set(row)

    def test_makes_a_row_that_keeps_every_rule(self, label, row):
        model = apps.get_model(label)
        insert(model, row | ALSO.get(label, {}))

        stored = model.objects.get()
        check_row(stored, unique=False)
        assert stored.created_at is not None
        assert (stored.version, stored.updated_at) == (1, stored.created_at)

    def test_makes_the_row_that_python_would_make(self, label, row):
        model = apps.get_model(label)
        given = row | ALSO.get(label, {})
        insert(model, given)

        stored, made = model.objects.get(), model(**given)
        free = [
            field.attname for field in model._meta.concrete_fields if field.has_default() and field.name not in given
        ]
        times = {"created_at", "updated_at"}
        assert {name: getattr(stored, name) for name in free if name not in times} == {
            name: getattr(made, name) for name in free if name not in times
        }
