"""The habits of the code, held by its syntax; each rule is shown something bad that it must find."""

import inspect
from importlib import import_module
from types import FunctionType

import pytest

from hopper.tests import code_rules
from hopper.tests.code_rules import RULES, Source, findings, product_code

pytestmark = pytest.mark.untraced
APPS = ("instances", "projects", "tasks", "routing", "feedback", "sync")


@pytest.fixture(scope="module")
def sources():
    return product_code()


class TestProductCode:
    """Every file of every app."""

    def test_is_looked_at_in_every_app(self, sources):
        assert {source.path.split("/")[0] for source in sources} == set(code_rules.ROOTS)

    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
    def test_keeps_each_rule(self, rule, sources):
        assert findings(rule, sources) == []


LONG_FUNCTION = "def f():\n" + "    x = 1\n" * 40
BAD = [
    ("no_writes_outside_operations", "tasks/viewsets.py", "task.save()"),
    ("no_writes_outside_operations", "tasks/viewsets.py", "self.instance.save(update_fields=['status'])"),
    ("no_writes_outside_operations", "tasks/jobs.py", "Task.objects.filter(pk=1).update(status='routed')"),
    ("no_writes_outside_operations", "tasks/admin.py", "queryset.delete()"),
    ("no_writes_outside_operations", "hopper/api/tasks.py", "Task.objects.bulk_create(rows)"),
    ("no_writes_outside_operations", "hopper/demo/run.py", "await Task.objects.acreate(title='x')"),
    ("no_writes_outside_operations", "tasks/models/task.py", "self.claims.update(released_at=now)"),
    ("no_writes_outside_operations", "tasks/querysets.py", "cursor.execute('UPDATE tasks SET status = 1')"),
    ("no_vendor_outside_common_db", "tasks/querysets.py", "if connection.vendor == 'sqlite': pass"),
    ("no_vendor_outside_common_db", "hopper/common/fields.py", "schema_editor.connection.vendor"),
    ("no_signals", "tasks/apps.py", "from django.db.models.signals import post_save"),
    ("no_signals", "tasks/apps.py", "from django.db.models import signals"),
    ("no_signals", "tasks/apps.py", "from django.dispatch import receiver"),
    ("no_catch_all", "tasks/jobs.py", "try: pass\nexcept Exception: pass"),
    ("no_catch_all", "tasks/jobs.py", "try: pass\nexcept (OSError, BaseException): pass"),
    ("no_catch_all", "tasks/jobs.py", "try: pass\nexcept: pass"),
    ("no_vague_module", "tasks/utils.py", ""),
    ("no_vague_module", "routing/services/routing.py", ""),
    ("no_long_file", "tasks/admin.py", "\n" * 401),
    ("no_long_function", "tasks/admin.py", LONG_FUNCTION),
    ("no_long_function", "tasks/admin.py", "async " + LONG_FUNCTION),
    ("no_django_while_thinking", "routing/policy/decide.py", "from django.db import models"),
    ("no_django_while_thinking", "routing/policy/rules.py", "from django.utils import timezone"),
    ("no_django_while_thinking", "routing/learning/fit.py", "from django.core.exceptions import ValidationError"),
]
GOOD = [
    ("no_writes_outside_operations", "tasks/operations/intake.py", "task.save(force_insert=True)"),
    ("no_writes_outside_operations", "projects/operations.py", "project.delete()"),
    ("no_writes_outside_operations", "tasks/admin.py", "counts.update(words); super().save(); self.create(request)"),
    ("no_vendor_outside_common_db", "hopper/common/db/info.py", "connection.vendor"),
    ("no_catch_all", "tasks/jobs.py", "try: pass\nexcept HopperError: pass"),
    ("no_catch_all", "tasks/jobs.py", "try: pass\nexcept BaseException:\n    clean_up()\n    raise"),
    ("no_long_function", "tasks/admin.py", LONG_FUNCTION.replace("    x = 1\n", "", 1)),
    ("no_django_while_thinking", "routing/policy/rules.py", "from django.core.exceptions import ValidationError"),
    ("no_django_while_thinking", "routing/models/policy.py", "from django.db import models"),
]


class TestTheRules:
    """Shown on purpose what they are for."""

    @pytest.mark.parametrize(("rule", "path", "text"), BAD)
    def test_find_what_is_bad(self, rule, path, text):
        assert len(findings(getattr(code_rules, rule), [Source(path, text)])) == 1

    @pytest.mark.parametrize(("rule", "path", "text"), GOOD)
    def test_leave_in_peace_what_is_good(self, rule, path, text):
        assert findings(getattr(code_rules, rule), [Source(path, text)]) == []

    def test_have_each_been_shown_something_bad(self):
        assert {rule.__name__ for rule in RULES} == {rule for rule, _, _ in BAD}


def public_operations(module):
    """Return the functions that other apps may call: the module's `__all__`, else what it defines by itself."""
    names = getattr(module, "__all__", None)
    found = [getattr(module, name) for name in names] if names else list(vars(module).values())
    functions = [one for one in found if inspect.isroutine(one) and not one.__name__.startswith("_")]
    return functions if names else [one for one in functions if one.__module__ == module.__name__]


def faults_of(operation):
    """Yield what is wrong with a public operation."""
    signature = inspect.signature(operation)
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    if kinds - {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}:
        yield f"{operation.__name__} takes positional arguments"
    if not operation.__doc__:
        yield f"{operation.__name__} has no docstring"
    if signature.return_annotation is inspect.Signature.empty:
        yield f"{operation.__name__} does not say what it returns"


def positional(task) -> None:
    """Is wrong: its argument has no name at the call."""


def nameless(*, task):
    pass


class TestPublicOperations:
    """What apps offer each other."""

    @pytest.mark.parametrize("app", APPS)
    def test_take_keywords_and_say_what_they_do(self, app):
        operations = public_operations(import_module(f"{app}.operations"))

        assert operations
        assert [fault for operation in operations for fault in faults_of(operation)] == []

    def test_are_functions_only(self):
        assert all(isinstance(one, FunctionType) for one in public_operations(import_module("tasks.operations")))

    def test_are_found_wanting_when_they_do_not(self):
        assert list(faults_of(positional)) == ["positional takes positional arguments"]
        assert list(faults_of(nameless)) == ["nameless has no docstring", "nameless does not say what it returns"]
