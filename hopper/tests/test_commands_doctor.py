"""`doctor`: what is missing, and what to type."""

import json
import socket
from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from hopper.common.db.info import database_kind
from hopper.common.env import BadSetting
from hopper.events.models import Delivery
from hopper.management import diagnosis
from hopper.management.diagnosis import find_circle
from hopper.tests.commands import ask, fail, manage
from instances.models import Instance
from instances.tests.factories import InstanceFactory
from routing.operations import embed_waiting, route_task
from routing.tests.embedders import configured_openai
from routing.tests.openai_stub import OpenAIStub, serving
from sync.graph.neo4j.driver import run
from tasks.models import Task, TaskDependency
from tasks.operations import submit_task
from tasks.tests.factories import TaskFactory

NOBODY_LISTENS = "127.0.0.1:1"


def examine():
    """Return what doctor finds, by name."""
    return {finding.name: finding for finding in diagnosis.examine()}


@pytest.fixture(autouse=True)
def _nothing_configured(settings):
    settings.REDIS_URL = settings.NEO4J_URL = ""


@pytest.mark.django_db
class TestDoctor:
    def test_finds_a_fresh_installation_well(self):
        answer = ask("doctor")

        assert answer["ok"]
        states = {check["name"]: check["state"] for check in answer["checks"]}
        assert states.pop("Redis") == states.pop("Neo4j") == "off"
        assert set(states.values()) == {"ok"}
        assert states.keys() >= {"Python", "Django", "database", "migrations", "instance tree", "dependencies"}
        assert states.keys() >= {"embedding provider", "vectors of tasks", "deliveries"}

    def test_names_the_kind_of_database(self):
        assert examine()["database"].detail.startswith(f"{database_kind()} ")

    def test_ends_badly_and_says_what_to_type(self, settings):
        settings.REDIS_URL = f"redis://{NOBODY_LISTENS}/0"

        shown, sentence = fail("doctor")

        assert "problem  Redis: does not answer" in shown
        assert "→ Start Redis, or unset REDIS_URL." in shown
        assert sentence == "1 of these needs you."

    def test_answers_programs_although_it_ends_badly(self, settings):
        settings.REDIS_URL = f"redis://{NOBODY_LISTENS}/0"

        answer = json.loads(fail("doctor", "--json")[0])

        assert (answer["ok"], answer["problems"]) == (False, 1)

    def test_finds_a_migration_that_was_not_applied(self):
        last = MigrationRecorder.Migration.objects.filter(app="sync").last()
        last.delete()

        found = examine()["migrations"]

        assert (found.state, found.fix) == ("problem", "python manage.py migrate")
        assert f"sync.{last.name}" in found.detail

    def test_finds_a_circle_of_instances(self):
        above, below = InstanceFactory(), InstanceFactory()
        Instance.objects.filter(pk=above.pk).update(parent=below)
        Instance.objects.filter(pk=below.pk).update(parent=above)

        found = examine()["instance tree"]

        assert found.state == "problem"
        assert above.pk in found.detail
        assert "/admin/instances/instance/" in found.fix

    def test_finds_a_circle_of_parents(self):
        above, below = TaskFactory(id="above"), TaskFactory(id="below", parent_id="above")
        Task.objects.filter(pk=above.pk).update(parent=below)

        assert examine()["task parents"].state == "problem"

    def test_finds_a_circle_of_dependencies(self, admin_client):
        for name in "abc":
            TaskFactory(id=name)
        for task, other in ("ab", "bc", "ca"):
            TaskDependency.objects.create(task_id=task, depends_on_id=other)

        found = examine()["dependencies"]

        assert found.state == "problem"
        assert admin_client.get(found.fix.split()[1]).status_code == 200

    def test_reports_settings_that_could_not_be_read(self, settings):
        settings.BAD_SETTINGS = [BadSetting("LEASE_SECONDS", "a whole number")]

        found = examine()["check hopper.E020"]

        assert (found.state, found.detail) == ("problem", "LEASE_SECONDS is not a whole number.")
        assert found.fix.startswith("Set LEASE_SECONDS to")


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no server to set up")
@pytest.mark.django_db
class TestDoctorOnPostgresql:
    """How the server is set up."""

    @staticmethod
    def run(*statements):
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def test_finds_pgvector_missing(self):
        self.run("DROP EXTENSION vector CASCADE")

        found = examine()["extension vector"]

        assert (found.state, found.fix) == ("problem", "python manage.py migrate, or: CREATE EXTENSION vector")

    def test_knows_who_may_not_install_it(self):
        self.run(
            "DROP EXTENSION vector CASCADE", "CREATE ROLE plain", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain"
        )
        self.run("SET LOCAL ROLE plain")

        assert examine()["extension vector"].fix == "As a superuser of the database: CREATE EXTENSION vector"

    def test_finds_commits_that_a_crash_loses(self):
        self.run("SET LOCAL synchronous_commit = off")

        found = examine()["synchronous_commit"]

        assert (found.state, found.detail) == ("warning", "is off")

    def test_finds_limits_that_did_not_arrive(self):
        self.run("SET LOCAL lock_timeout = 0")

        assert examine()["limits"].state == "warning"

    def test_finds_too_few_connections_for_the_pools(self, settings):
        settings.POOL_OVERFLOW = 100_000

        found = examine()["max_connections"]

        assert found.state == "warning"
        assert "max_connections = 200030" in found.fix


@pytest.mark.django_db
class TestDoctorOnServers:
    """That are configured: they have to answer."""

    @pytest.fixture
    def listener(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield f"127.0.0.1:{server.getsockname()[1]}"

    def test_finds_redis_down(self, settings):
        settings.REDIS_URL = f"redis://{NOBODY_LISTENS}/0"

        assert examine()["Redis"].state == "problem"

    @pytest.mark.parametrize("url", [f"bolt://{NOBODY_LISTENS}", "bolt://127.0.0.1:nothing"])
    def test_finds_neo4j_down(self, settings, url):
        settings.NEO4J_URL = url

        assert examine()["Neo4j"].state == "problem"

    def test_finds_that_something_else_answers_for_neo4j(self, settings, listener):
        settings.NEO4J_URL = f"bolt://{listener}"

        assert examine()["Neo4j"].state == "problem"

    @pytest.mark.neo4j
    def test_finds_neo4j_up_and_what_it_lacks(self, settings, neo4j_url):
        settings.NEO4J_URL = neo4j_url
        run("DROP CONSTRAINT hopper_task IF EXISTS")
        Delivery.objects.create(
            consumer="graph", carries="state", aggregate_type="tasks.task", aggregate_id="t", version=1,
            created_at=timezone.now() - timedelta(minutes=5),
        )  # fmt: skip

        found = examine()

        names = ("Neo4j", "graph check", "graph constraints", "graph lag")
        assert [found[name].state for name in names] == ["ok", "ok", "warning", "warning"]
        assert found["graph constraints"].fix == "python manage.py graph rebuild"
        assert found["graph lag"].detail.startswith("1 deliveries wait, the oldest for 3")  # hundred seconds and some


@pytest.mark.django_db
class TestDoctorOnMeaning:
    """Which provider builds vectors, and who waits for one."""

    def provider(self):
        found = examine()["embedding provider"]
        return found.state, found.detail, found.fix

    def test_names_the_provider(self):
        assert self.provider()[:2] == ("ok", "hashing: hashing-1/1536, vectors of 1536")

    def test_says_what_an_adapter_lacks(self, settings):
        configured_openai(settings, OpenAIStub(dimension=16))
        settings.EMBEDDINGS_PROVIDER = "onnx"

        findings = examine()

        assert findings["embedding provider"].state == "warning"
        assert "python manage.py embed --fetch-model" in findings["check hopper.E032"].fix

    @pytest.mark.parametrize(
        ("key", "state", "told"), [("", "warning", "OPENAI_API_KEY is not set"), ("k", "ok", "money")]
    )
    def test_spends_no_money_on_openai(self, settings, key, state, told):
        configured_openai(settings, OpenAIStub(dimension=16))
        settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = "", key

        found = self.provider()

        assert found[0] == state
        assert told in found[1]

    def test_asks_a_server_of_ones_own_whether_it_is_there(self, settings):
        with serving(OpenAIStub(dimension=16)) as stub:
            configured_openai(settings, stub)
            there = self.provider()
        gone = self.provider()

        assert (there[0], gone[0]) == ("ok", "warning")
        assert there[1].endswith(f"{stub.url} answers")
        assert gone[2] == "Start that server, or correct OPENAI_BASE_URL."
        assert stub.questions == []

    def test_counts_who_waits_for_a_vector(self):
        route_task(task=submit_task(title="Draw a map", actor="ada"))
        before = examine()
        embed_waiting()
        after = examine()

        assert before["deliveries"].detail == "1 wait, 0 were given up"
        for name in ("tasks", "episodes"):
            found = before[f"vectors of {name}"]
            assert (found.state, found.detail) == ("warning", "0 of 1")
            assert "embed --stale" in found.fix
            assert (after[f"vectors of {name}"].state, after[f"vectors of {name}"].detail) == ("ok", "1 of 1")

    def test_leads_to_what_was_given_up(self, admin_client):
        submit_task(title="Draw a map", actor="ada")
        Delivery.objects.update(status="dead")

        found = examine()["deliveries"]

        assert (found.state, found.detail) == ("warning", "0 wait, 1 were given up")
        page = admin_client.get(found.fix.split()[1])
        assert page.context["cl"].result_count == 1

    def test_names_a_consumer_that_is_away(self, settings):
        settings.EMBEDDINGS_PROVIDER = "of nobody"
        submit_task(title="Draw a map", actor="ada")
        assert "consumer embedding" not in examine()
        embed_waiting()
        found = examine()["consumer embedding"]
        assert (found.state, found.detail.partition("UTC: ")[2][:30]) == ("warning", "EMBEDDINGS_PROVIDER=of nobody:")


@pytest.mark.processes
class TestDoctorWithoutDatabase:
    def test_says_so_and_goes_on(self):
        done = manage("doctor", url=f"postgresql://ada:secret@{NOBODY_LISTENS}/hopper")

        assert done.returncode == 1
        assert "problem  database: postgresql://ada:***@127.0.0.1:1/hopper does not answer" in done.stdout
        assert "Redis" in done.stdout
        assert "secret" not in done.stdout + done.stderr

    def test_leaves_other_commands_with_a_sentence(self):
        done = manage("dbstats", "--json", url=f"postgresql://ada:secret@{NOBODY_LISTENS}/hopper")

        assert done.returncode == 1
        assert done.stderr.startswith("CommandError: The database refused: ")
        assert "python manage.py doctor" in done.stderr


class TestFindCircle:
    @pytest.mark.parametrize("edges", [[], [("a", "b"), ("a", "c"), ("b", "c")]])
    def test_finds_none(self, edges):
        assert find_circle(edges) == []

    def test_returns_the_nodes_on_it_alone(self):
        circle = find_circle([("x", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")])

        assert circle[0] == circle[-1]
        assert sorted(circle[1:]) == ["a", "b", "c"]

    def test_walks_far(self):
        long = [(str(n), str(n + 1)) for n in range(5_000)]

        assert find_circle(long) == []
        assert len(find_circle([*long, ("5000", "0")])) == 5_002
