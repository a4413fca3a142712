"""The commands that look at the database as a whole, or begin it anew."""

import json

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from hopper.common.db.info import database_kind
from hopper.management.schema import our_models
from hopper.tests.commands import ask, say
from projects.models import Project
from projects.tests.factories import ProjectFactory
from routing.models import PolicyVersion
from routing.operations import load_policy
from tasks.models import Task, TaskDependency
from tasks.tests.factories import TaskFactory

SCHEMA = settings.BASE_DIR / "docs" / "database-schema.md"


class TestDbinfo:
    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("postgresql://ada:secret@db/hopper", "postgresql://ada:***@db/hopper"),
            ("postgresql://ada:sec@ret@db/hopper", "postgresql://ada:***@db/hopper"),
            ("postgresql://ada@/hopper?password=secret&host=db", "postgresql://ada@/hopper?password=***&host=db"),
            ("postgresql://ada@db:5432/hopper", "postgresql://ada@db:5432/hopper"),
            ("sqlite:////srv/hopper.db", "sqlite:////srv/hopper.db"),
        ],
    )
    def test_hides_the_password(self, settings, url, shown):
        settings.DATABASE_URL = url

        assert ask("dbinfo") == {"url": shown, "type": database_kind()}

    def test_tells_people(self):
        assert f"type: {database_kind()}\n" in say("dbinfo")


@pytest.mark.django_db
class TestDbstats:
    def test_counts_the_rows_of_every_table(self):
        TaskFactory.create_batch(3)

        answer = ask("dbstats")

        assert answer["database_type"] == database_kind()
        assert answer["row_counts"]["tasks"] == 3
        assert set(answer["tables"]) == set(answer["row_counts"]) == set(connection.introspection.table_names())
        assert (answer["table_count"], answer["total_rows"]) == (
            len(answer["tables"]), sum(answer["row_counts"].values()),
        )  # fmt: skip

    def test_tells_people(self):
        TaskFactory.create_batch(3)

        assert "         3  tasks\n" in say("dbstats")


@pytest.mark.untraced
@pytest.mark.django_db
class TestDumpschema:
    def test_shows_every_column_of_every_model_and_indexes_with_theirs(self):
        tables = ask("dumpschema")["tables"]

        for model in our_models():
            shown = {column["name"] for column in tables[model._meta.db_table]["columns"]}
            assert shown == {field.column for field in model._meta.local_concrete_fields}
            assert all(column["type"] for column in tables[model._meta.db_table]["columns"])
        indexes = {index["name"]: index for index in tables["hopper_instances"]["indexes"]}
        assert indexes["idx_instances_scope"]["columns"] == ["scope", "status"]
        assert indexes["one_living_instance_per_scope_and_name"]["unique"]

    def test_tells_people(self):
        shown = say("dumpschema").splitlines()

        table = shown[shown.index("tasks") + 1 :]
        assert next(line for line in table if line.startswith("  title")).endswith("not null")
        assert "  index idx_instances_scope (scope, status)" in shown

    def test_writes_the_document_that_is_in_the_docs(self):
        wanted = "out of date; type: python manage.py dumpschema --markdown > docs/database-schema.md"

        assert say("dumpschema", "--markdown") == SCHEMA.read_text(), wanted

    def test_draws_every_table_and_every_foreign_key(self):
        drawn = ask("dumpschema", "--markdown")["markdown"].partition("```mermaid")[2].partition("```")[0]

        for model in our_models():
            assert f"    {model._meta.db_table} {{\n" in drawn
        assert "    tasks }o--o| projects : project\n" in drawn
        assert "    task_dependencies }o--|| tasks : depends_on\n" in drawn
        assert "    routing_decisions |o--|| tasks : task\n" in drawn


@pytest.mark.django_db(transaction=True)
class TestVacuum:
    def test_keeps_every_row(self):
        TaskFactory()

        assert ask("vacuum") == {"vacuumed": database_kind()}
        assert Task.objects.count() == 1


@pytest.mark.untraced
@pytest.mark.django_db(transaction=True)
class TestResetdb:
    def test_leaves_an_empty_and_migrated_database(self, settings):
        settings.DEBUG = True
        TaskFactory(routed=True)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE left_over (id integer)")

        answer = ask("resetdb", "--yes")

        assert answer["tables_dropped"] > len(list(our_models()))
        assert not Task.objects.exists()
        assert "left_over" not in connection.introspection.table_names()
        call_command("migrate", check_unapplied=True, verbosity=0)

    @pytest.mark.parametrize(
        ("debug", "words", "sentence"),
        [
            (True, [], "Type: python manage.py resetdb --yes"),
            (False, ["--yes"], "refuses while DEBUG is off: set DEBUG=true"),
        ],
    )
    def test_refuses_and_keeps_every_row(self, settings, debug, words, sentence):
        settings.DEBUG = debug
        TaskFactory()

        with pytest.raises(CommandError, match=sentence):
            say("resetdb", *words)

        assert Task.objects.count() == 1


def _seed(model, pk, **fields):
    return {"model": model, "pk": pk, "fields": fields}


@pytest.fixture
def more_seeds(settings, tmp_path):
    """Let these rows be seeds too."""

    def write(*rows):
        (tmp_path / "seeds.json").write_text(json.dumps(rows))
        settings.FIXTURE_DIRS = [tmp_path]

    return write


@pytest.mark.django_db
class TestSeed:
    def test_fills_an_empty_database_as_loaddata_does(self):
        call_command("loaddata", "seeds", verbosity=0)
        wanted = ask("dbstats")["row_counts"]
        Task.objects.all().delete()

        answer = ask("seed")

        assert answer["tables"]["tasks"] == wanted["tasks"]
        assert ask("dbstats")["row_counts"] == wanted

    def test_adds_nothing_the_second_time(self):
        first = ask("seed")

        assert ask("seed") == {"loaded": 0, "skipped": first["loaded"], "tables": {}}

    def test_leaves_what_was_changed_as_it_is(self):
        ask("seed")
        Project.objects.filter(pk="sark").update(executor_type="agent")

        assert say("seed").startswith("0 rows loaded")
        assert Project.objects.get(pk="sark").executor_type == "agent"

    def test_leaves_a_policy_in_force(self):
        mine = load_policy(name="mine", content=[], actor="ada")

        ask("seed")

        assert PolicyVersion.objects.get(state="active") == mine

    def test_skips_a_row_whose_unique_value_is_taken_and_what_points_at_it(self, more_seeds):
        ProjectFactory(name="ours", slug="theirs")
        more_seeds(
            _seed("tasks.task", "t-1", title="Points at the skipped one", project="theirs"),
            _seed("tasks.task", "t-2", title="Points at nothing"),
            _seed("projects.project", "theirs", slug="theirs"),
        )

        ask("seed")

        assert set(Task.objects.filter(pk__startswith="t-").values_list("pk", flat=True)) == {"t-2"}
        assert not Project.objects.filter(pk="theirs").exists()

    def test_lets_new_rows_have_keys_above_its_own(self, more_seeds):
        more_seeds(
            _seed("tasks.task", "t-1", title="One"), _seed("tasks.task", "t-2", title="Two"),
            _seed("tasks.taskdependency", 70_001, task="t-1", depends_on="t-2"),
        )  # fmt: skip
        ask("seed")

        later = TaskDependency(task=TaskFactory(), depends_on_id="t-2")
        later.save()

        assert later.pk > 70_001

    @pytest.mark.parametrize(
        "broken",
        [
            pytest.param(_seed("tasks.task", "t-1", title="x", project="nowhere"), id="a reference to nothing"),
            pytest.param(_seed("tasks.nothing", "t-1"), id="an unknown table"),
            pytest.param(_seed("tasks.task", "t-1", title="x", priority="sky-high"), id="a broken constraint"),
        ],
    )
    def test_takes_all_or_nothing(self, more_seeds, broken):
        more_seeds(broken)

        with pytest.raises(CommandError):
            say("seed")

        assert not Project.objects.exists()


@pytest.mark.untraced
@pytest.mark.django_db(transaction=True)
class TestSeedReset:
    def test_begins_anew(self, settings):
        settings.DEBUG = True
        stranger = TaskFactory()

        answer = ask("seed", "--reset")

        assert answer["tables"]["projects"] == Project.objects.count() > 0
        assert not Task.objects.filter(pk=stranger.pk).exists()

    def test_refuses_while_debug_is_off(self):
        task = TaskFactory()

        with pytest.raises(CommandError, match="set DEBUG=true"):
            say("seed", "--reset")

        assert Task.objects.get() == task
