"""The admin as a person meets it: in a browser, with its scripts and styles."""

import os
import shutil

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connections
from django.urls import reverse

from instances.models import Instance
from instances.operations import create_instance
from projects.models import Project
from projects.operations import register_project
from tasks.models import Task
from tasks.operations import submit_task

pytestmark = [pytest.mark.browser, pytest.mark.untraced, pytest.mark.django_db(transaction=True)]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PASSWORD = "an-operator-of-hoppers"


def find_chromium():
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="module")
def browser(live_server):
    """A browser that the tests share; each opens a window of its own."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: make test does it.")
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("No Chromium found: install chromium, or set CHROMIUM to its path.")
    with pytest.MonkeyPatch.context() as patch, playwright.sync_playwright() as running:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop runs in the thread of the tests
        with running.chromium.launch(executable_path=chromium, args=FLAGS) as browser:
            yield browser
        connections.close_all()  # inside Playwright's loop the tests had connections of their own


@pytest.fixture
def page(browser, live_server):
    """A page without cookies; what it complained of by the end of the test fails the test."""
    complaints = []
    with browser.new_context(base_url=live_server.url) as context:
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("response", lambda got: complaints.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        yield page
    assert complaints == []


@pytest.fixture
def operator(page, client, live_server):
    """The page of an administrator who has signed in."""
    user = get_user_model().objects.create_superuser("ada", password=PASSWORD)
    client.force_login(user)
    page.context.add_cookies(
        [{"name": name, "value": cookie.value, "url": live_server.url} for name, cookie in client.cookies.items()]
    )
    return page


@pytest.fixture
def tree():
    """Global with sark and czarina below it; sark has a run of its own."""
    top = grow("Global", "GLOBAL")
    sark = grow("sark", "PROJECT", top)
    grow("czarina", "PROJECT", top)
    grow("run-123", "ORCHESTRATION", sark)
    register_project(name="sark", capabilities={"python": 4}, tags=["mcp"], instance=sark, actor="ada")


def grow(name, scope, parent=None):
    fields = {"name": name, "scope": scope, "parent": parent, "status": Instance.Status.ACTIVE}
    return create_instance(actor="ada", id=name.lower(), **fields)


@pytest.fixture
def doubted():
    """A task that Hopper sent to review, with two projects to choose from."""
    for name in ("czarina", "sark"):
        register_project(name=name, capabilities={"python": 3}, actor="ada")
    task = submit_task(title="Book a venue", description="For thirty people", tags=["party"], actor="ada")
    task.refresh_from_db()
    assert task.review_required
    return task


def shown(page):
    """The names of the instances that the tree shows."""
    return [name.strip() for name in page.locator("#result_list tr:visible .tree-branch").all_inner_texts()]


class TestSignIn:
    def test_leads_to_the_dashboard(self, page):
        get_user_model().objects.create_superuser("ada", password=PASSWORD)
        page.goto("/")
        page.fill("[name=username]", "ada")
        page.fill("[name=password]", PASSWORD)
        page.click("text=Log in")
        page.wait_for_selector("text=Recent decisions")
        assert page.url.endswith(reverse("admin:index"))

    def test_without_a_destination_leads_to_the_dashboard(self, page):
        get_user_model().objects.create_superuser("ada", password=PASSWORD)
        page.goto(reverse("admin:login"))
        page.fill("[name=username]", "ada")
        page.fill("[name=password]", PASSWORD)
        page.click("text=Log in")
        page.wait_for_selector("text=Recent decisions")


class TestDashboard:
    def test_leads_from_its_figures_to_the_tasks_that_they_count(self, operator, doubted):
        submit_task(title="Fix the parser", project=Project.objects.get(pk="sark"), actor="ada")
        operator.goto(reverse("admin:index"))
        operator.click(".hopper-figure:has-text('Ready')")
        operator.wait_for_url("**/tasks/task/**")
        assert operator.locator("#result_list th.field-title").all_inner_texts() == ["Fix the parser"]


class TestAddingATask:
    def test_says_where_it_went_and_why(self, operator, tree):
        operator.goto(reverse("admin:tasks_task_add"))
        operator.fill("[name=title]", "Add an MCP server")
        operator.fill("[name=tags]", "MCP, integration")
        operator.fill("[name=required_capabilities]", "python: 3")
        operator.click("[name=_continue]")
        operator.wait_for_selector("text=It went to sark.")
        decision = operator.get_by_role("region", name="Decision")
        assert "Went to sark" in decision.inner_text()
        assert Task.objects.get().routing_reasoning in decision.inner_text()
        assert operator.input_value("[name=tags]") == "integration, mcp"
        assert operator.input_value("[name=required_capabilities]") == "python: 3"
        newest = operator.get_by_role("region", name="Timeline").locator("li").last
        assert "Routed to sark" in newest.inner_text()

    def test_keeps_what_was_typed_when_it_is_refused(self, operator):
        operator.goto(reverse("admin:tasks_task_add"))
        operator.fill("[name=title]", "Add an MCP server")
        operator.fill("[name=required_capabilities]", "python: 9")
        operator.click("[name=_save]")
        operator.wait_for_selector("text=a level is a whole number from 1 to 5")
        assert operator.input_value("[name=required_capabilities]") == "python: 9"


class TestDeletingATask:
    def test_takes_its_decision_along(self, operator, doubted):
        operator.goto(reverse("admin:tasks_task_delete", args=[doubted.pk]))
        operator.click("text=Yes, I’m sure")
        operator.wait_for_selector("text=was deleted successfully")
        assert not Task.objects.exists()


class TestInstanceTree:
    def test_collapses_and_expands_a_branch(self, operator, tree):
        operator.goto(reverse("admin:instances_instance_changelist"))
        assert shown(operator) == ["Global", "czarina", "sark", "run-123"]
        operator.get_by_label("Collapse or expand sark").click()
        assert shown(operator) == ["Global", "czarina", "sark"]
        operator.get_by_label("Collapse or expand Global").click()
        assert shown(operator) == ["Global"]
        operator.get_by_label("Collapse or expand Global").click()
        assert shown(operator) == ["Global", "czarina", "sark"]

    def test_remembers_what_is_collapsed(self, operator, tree):
        operator.goto(reverse("admin:instances_instance_changelist"))
        operator.get_by_label("Collapse or expand sark").click()
        operator.reload()
        assert shown(operator) == ["Global", "czarina", "sark"]

    def test_shows_every_match_of_a_search_whatever_is_collapsed(self, operator, tree):
        operator.goto(reverse("admin:instances_instance_changelist"))
        operator.get_by_label("Collapse or expand Global").click()
        operator.goto(reverse("admin:instances_instance_changelist") + "?q=r")
        assert shown(operator) == ["czarina", "sark", "run-123"]

    def test_counts_the_open_work_of_a_branch(self, operator, tree):
        submit_task(title="Fix the parser", project=Project.objects.get(pk="sark"), actor="ada")
        operator.goto(reverse("admin:instances_instance_changelist"))
        counts = operator.locator("#result_list td.field-below").all_inner_texts()
        assert counts == ["1", "0", "1", "0"]


class TestReviewQueue:
    def test_sends_a_task_where_a_click_says(self, operator, doubted):
        operator.goto(reverse("review-queue"))
        operator.click(".hopper-answer[value=sark]")
        operator.wait_for_selector("text=Nothing waits for you")
        doubted.refresh_from_db()
        assert (doubted.project_id, doubted.review_required) == ("sark", False)

    def test_is_answered_by_a_key(self, operator, doubted):
        best = doubted.decision.alternatives[0]["project"]
        operator.goto(reverse("review-queue"))
        operator.keyboard.press("1")
        operator.wait_for_selector("text=Nothing waits for you")
        doubted.refresh_from_db()
        assert doubted.project_id == best

    def test_takes_another_answer(self, operator, doubted):
        register_project(name="lodestar", actor="ada")
        operator.goto(reverse("review-queue"))
        operator.select_option("select[name=project]", "lodestar")
        operator.click("text=Send it there")
        operator.wait_for_selector("text=Nothing waits for you")
        doubted.refresh_from_db()
        assert doubted.project_id == "lodestar"


class TestEveryPage:
    def test_opens_without_a_complaint(self, operator, tree):
        for model in admin.site._registry:
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            operator.goto(reverse(f"{name}_changelist"))
            add = operator.locator(f"a[href^='{reverse(f'{name}_add')}']")
            if add.count():
                operator.goto(reverse(f"{name}_add"))
            assert operator.locator("#content").is_visible(), name
