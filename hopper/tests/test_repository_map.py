"""The promised names of the original design, and where each lives: docs/architecture.md holds the table."""

import re
from importlib import import_module

import pytest
from django.conf import settings

PROMISED = {
    "get_tasks_by_project", "get_tasks_by_status", "get_tasks_by_tag", "search_tasks", "get_pending_tasks",
    "get_project_by_slug", "get_projects_with_active_tasks", "get_project_statistics", "get_instance_by_scope_and_name",
    "get_child_instances", "get_instance_hierarchy", "terminate_instance", "get_decisions_by_task",
    "get_decisions_by_strategy", "get_recent_decisions", "get_decisions_with_low_confidence", "get_decision_analytics",
    "bulk_create", "bulk_update", "bulk_delete",
}  # fmt: skip


def rows():
    """Yield `(promised name, dotted name)` for every name in the table."""
    text = (settings.BASE_DIR / "docs" / "architecture.md").read_text()
    table = text.partition("| promised name | here |\n|---|---|\n")[2].partition("\n\n")[0]
    for line in table.splitlines():
        promised, here = line.strip("| ").split(" | ", 1)
        yield from ((promised.strip("`"), dotted) for dotted in re.findall(r"`(\w+(?:\.\w+)+)`", here))


def resolve(dotted):
    """Return what the dotted name names; the longest part that is a module is imported."""
    parts = dotted.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            found = getattr(found, name)
        return found
    raise AssertionError(f"There is no module in {dotted}.")


class TestTheMap:
    """No promise is lost and no address is stale."""

    def test_names_every_promise(self):
        assert {promised for promised, _ in rows()} >= PROMISED

    @pytest.mark.parametrize(("promised", "dotted"), list(rows()))
    def test_leads_to_something_to_call(self, promised, dotted):
        assert callable(resolve(dotted))

    @pytest.mark.parametrize("dotted", ["tasks.querysets.TaskQuerySet.nothing", "tasks.nothing.x", "nothing.at.all"])
    def test_would_notice_a_stale_address(self, dotted):
        with pytest.raises((AttributeError, AssertionError)):
            resolve(dotted)
