"""The documents say what is so: their commands, names, links and examples are tried."""

import ast
import json
import re
import shlex
from datetime import UTC, datetime
from importlib import import_module
from inspect import isclass
from urllib.parse import urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.management import call_command, get_commands

from hopper.management.schema import our_models
from instances.config import CHECKS, OWN_TO
from instances.scopes import SCOPES, Facts
from instances.tests.factories import InstanceFactory
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.untraced
ROOT = settings.BASE_DIR
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
RECORDS = sorted((DOCS / "adr").glob("*.md"))
PROMISED = [
    "get_tasks_by_project", "get_tasks_by_status", "get_tasks_by_tag", "search_tasks", "get_pending_tasks",
    "bulk_create", "bulk_update", "bulk_delete", "get_project_by_slug", "get_projects_with_active_tasks",
    "get_project_statistics", "get_instance_by_scope_and_name", "get_child_instances", "get_instance_hierarchy",
    "terminate_instance", "get_decisions_by_task", "get_decisions_by_strategy", "get_recent_decisions",
    "get_decisions_with_low_confidence", "get_decision_analytics",
]  # fmt: skip


def named(page):
    return str(page.relative_to(ROOT))


def fenced(page, kind):
    return re.findall(rf"```{kind}\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=named)
class TestEveryPage:
    def test_links_to_files_that_are_there(self, page):
        links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
        local = [link for link in links if not urlsplit(link).scheme]

        assert [link for link in local if not (page.parent / link).exists()] == []

    def test_names_commands_that_are_there(self, page):
        names = set(re.findall(r"manage\.py ([a-z]+)", page.read_text()))

        assert names - set(get_commands()) == set()

    def test_names_targets_that_make_knows(self, page):
        targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        named_here = set(re.findall(r"(?:^|`)make ([a-z0-9]+)", page.read_text(), re.MULTILINE))

        assert named_here - targets == set()


class TestTheRepositoryMap:
    """`| promised name | here |` of docs/architecture.md."""

    @staticmethod
    def rows():
        lines = re.findall(r"^\| `(\w+)` \| (.*) \|$", (DOCS / "architecture.md").read_text(), re.MULTILINE)
        return {promised: re.findall(r"`([a-z_]+(?:\.\w+)+)`", here) for promised, here in lines}

    def test_has_every_promised_name(self):
        assert sorted(self.rows()) == sorted(PROMISED)

    @pytest.mark.parametrize("promised", PROMISED)
    def test_leads_to_something_that_can_be_called_for(self, promised):
        homes = self.rows()[promised]

        assert homes
        for home in homes:
            owner, name = home.rsplit(".", 1)
            assert callable(getattr(found(owner), name)), home


def found(dotted):
    """Return the module or class of that dotted name."""
    owner, _, name = dotted.rpartition(".")
    if name[0].isupper():
        thing = getattr(import_module(owner), name)
        assert isclass(thing)
        return thing
    return import_module(dotted)


class TestTheLifeOfATask:
    drawing = fenced(DOCS / "task-lifecycle.md", "mermaid")[0]

    def test_draws_the_moves_that_the_code_allows(self):
        drawn = set(re.findall(r"^ +(\w+) --> (\w+): \w", self.drawing, re.MULTILINE))

        assert drawn == {(str(was), str(then)) for was, moves in Task.MOVES.items() for then in moves}

    def test_draws_where_it_begins_and_ends(self):
        begins = re.findall(r"\[\*\] --> (\w+)", self.drawing)
        ends = re.findall(r"(\w+) --> \[\*\]", self.drawing)

        assert begins == [Task._meta.get_field("status").default]
        assert set(ends) == {was for was, moves in Task.MOVES.items() if not moves}

    def test_says_what_each_status_means(self):
        rows = re.findall(r"^\| `(\w+)` \| \w", (DOCS / "task-lifecycle.md").read_text(), re.MULTILINE)

        assert rows == Task.Status.values


class TestTheGlossary:
    text = (DOCS / "glossary.md").read_text()

    def test_is_in_alphabetical_order(self):
        words = re.findall(r"^\| \*\*(\w+)\*\*", self.text, re.MULTILINE)

        assert len(words) > 30
        assert words == sorted(words)

    def test_has_the_words_of_the_code(self):
        aliases = {**Task.STATUS_ALIASES, **Task.PRIORITY_ALIASES}

        assert {*Task.Status.values, *Task.Priority.values} <= set(re.findall(r"`(\w+)`", self.text))
        assert dict(re.findall(r"`(\w+)` \((\w+)\)", self.text)) == aliases


class TestSlowQueries:
    text = (DOCS / "slow-queries.md").read_text()

    def test_names_every_index_and_none_that_is_gone(self):
        ours = {index.name for model in our_models() for index in model._meta.indexes}

        assert set(re.findall(r"`(idx_\w+)`", self.text)) == ours

    def test_names_lists_that_are_there(self, api):
        InstanceFactory(id="root", scope="GLOBAL")
        TaskFactory(id="t-1")
        client = api()
        lists = re.findall(r"^\| (`/.*?) \|", self.text, re.MULTILINE)
        addresses = [address for cell in lists for address in re.findall(r"`(.*?)`", cell)]

        answers = {address: client.get(address).status_code for address in addresses}

        assert len(answers) > 35
        assert {address for address, status in answers.items() if status != 200} == set()


class TestTheSchema:
    def test_is_that_of_the_models(self, capsys):
        call_command("dumpschema", markdown=True)

        fresh = (DOCS / "database-schema.md").read_text() == capsys.readouterr().out
        assert fresh, "stale: python manage.py dumpschema --markdown > docs/database-schema.md"


@pytest.mark.parametrize(
    "number, record", list(enumerate(RECORDS, start=1)), ids=lambda value: getattr(value, "stem", "")
)
class TestEveryRecord:
    def test_has_its_number_and_parts(self, number, record):
        text = record.read_text()

        assert record.name.startswith(f"{number:04}-")
        assert text.startswith(f"# {number}. ")
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]

    def test_fits_on_a_screen(self, number, record):
        assert len(record.read_text().splitlines()) <= 40


class TestTheReadme:
    first_screen = (ROOT / "README.md").read_text().split("\n## ")[0]

    def test_begins_with_the_two_commands(self):
        shown = fenced(ROOT / "README.md", "sh")[0]

        assert re.findall(r"^make (\w+)", shown, re.MULTILINE) == ["demo", "test"]
        assert len(self.first_screen.splitlines()) <= 15

    @pytest.mark.django_db(transaction=True)  # the doorbell rings at the commit, before the answer
    def test_has_examples_that_work(self, api):
        call_command("loaddata", "seeds", verbosity=0)
        client = api("operator")
        examples = [line for line in self.examples() if line.startswith("hop ")]

        answers = [self.play(client, example) for example in examples]

        assert len(answers) == 11
        assert [(answer.status_code, answer.content) for answer in answers if answer.status_code >= 300] == []
        assert (answers[0].json()["status"], answers[0].json()["project"]) == ("routed", "czarina")
        assert answers[2].json()["candidates"][0]["project"] == "lodestar"
        assert Task.objects.get(pk="first").status == Task.Status.COMPLETED

    @staticmethod
    def examples():
        text = (ROOT / "README.md").read_text()
        return re.search(r"<!-- test:curl -->\n```sh\n(.*?)```", text, re.DOTALL)[1].splitlines()

    @staticmethod
    def play(client, example):
        """Send what curl would send: a POST with `-d`, else a GET."""
        _, address, *rest = shlex.split(example)
        path = address.removeprefix("$API")
        return client.post(path, **json.loads(rest[1])) if rest else client.get(path)


async def wait_for(running):
    await running


class TestDatabaseUsage:
    @pytest.mark.untraced
    def test_has_examples_that_work(self, db):
        seen = {}

        for block in fenced(DOCS / "database-usage.md", "python"):
            code = compile(block, "docs/database-usage.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            if running := eval(code, seen):
                async_to_sync(wait_for)(running)

        titles = Task.objects.exclude(title__startswith="Page").values_list("title", "status")
        assert sorted(titles) == [("Draw a map", "cancelled"), ("Draw a map", "pending"), ("Fold the map", "pending")]
        assert list(Task.objects.filter(title__startswith="Page").values_list("priority").distinct()) == [("high",)]


class TestInstances:
    """The tables of docs/instances.md."""

    MIDDAY = datetime(2027, 1, 31, 12, tzinfo=UTC)

    @staticmethod
    def rows(title):
        """Return `{name: further cells}` of the table under the title."""
        section = (DOCS / "instances.md").read_text().split(f"## {title}\n")[1].split("\n## ")[0]
        lines = re.findall(r"^\| `(\w+)` \| (.*?) ?\|$", section, re.MULTILINE)
        return {name: re.split(r" ?\| ?", rest) for name, rest in lines}

    def test_say_what_each_scope_does(self):
        facts = Facts(
            now=self.MIDDAY, children=1, complexity=10.0, owner="ada", members=frozenset({"ada"}), peer="there"
        )
        said = {}
        for name, rules in SCOPES.items():
            places = ", ".join(sorted(f"`{scope}`" if scope else "the root" for scope in rules.sits_under))
            executes = "never" if rules.why_not_execute(facts) else "while it has room"
            takes = "everybody"
            if rules.why_not_receive(facts, sender="alan"):
                takes = "its owner" if rules.keeps_content else "its members"
            own = next((f"`{key}`" for key, scope in OWN_TO.items() if scope == name), "")
            said[name] = [places, executes, takes, own]

        written = self.rows("What each scope does")

        assert {name: [*cells[:2], *cells[3:]] for name, cells in written.items()} == said
        assert {name for name, cells in written.items() if cells[2] != "never"} == {
            name for name, rules in SCOPES.items() if rules.should_delegate(facts)
        }

    def test_name_every_setting_that_is_checked(self):
        assert sorted(self.rows("Settings")) == sorted(CHECKS)
