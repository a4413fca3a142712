"""What a night makes of the judged episodes: rows, files, commits."""

import json
import subprocess
from datetime import timedelta

import pytest
import yaml
from django.utils import timezone

from feedback.operations import import_confirmed, record_feedback, withdraw_feedback
from hopper.celery import app
from hopper.events.models import Event
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import ConsolidationRun, Episode, LearnedState, Pattern
from routing.operations import (
    AlreadyConsolidating,
    change_pattern,
    consolidate,
    loading,
    request_consolidation,
    route_task,
    suggest_for,
)
from routing.tests.factories import make_projects, moments
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
FILES = {
    "routing_patterns.yaml", "anti_patterns.yaml", "project_strengths.yaml", "temporal_patterns.yaml",
    "capability_registry.yaml", "attention_weights.json", "consolidation_log.md",
}  # fmt: skip
MOMENTS = moments()
STRANGE = "zq"  # the description of every task: no file may hold it


@pytest.fixture
def house():
    """Two projects, and thirty tasks of each, one after the other, that tell them apart."""
    web, data = make_projects("web", "data")
    done((web, "css"), (data, "sql"))
    return web, data


def done(*kinds, times=30, **fields):
    """Import as many finished tasks of each kind, a project and a tag, in turn, a moment apart."""
    rows = [
        {"title": "the task", "description": STRANGE, "tags": [tag], "project": project, "created_at": next(MOMENTS)}
        | fields
        for _ in range(times)
        for project, tag in kinds
    ]
    return import_confirmed(rows=rows, actor="ada")


def fail_at(web, data):
    """Judge that tasks tagged `login`, which web did, belong to data."""
    for task in done((web, "login"), (web, "css")):
        if task.tags == ["login"]:
            record_feedback(task=task, was_good_match=False, should_have_routed_to=data.pk, actor="ada")


def names(**fields):
    return set(Pattern.objects.active().filter(**fields).values_list("name", flat=True))


def git(folder, *words):
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(settings, tmp_path):
    settings.MEMORY_REPOSITORY = str(tmp_path / "memory")
    return tmp_path / "memory"


@pytest.fixture
def remote(settings, tmp_path):
    folder = tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(folder))
    settings.MEMORY_REMOTE = str(folder)
    return folder


class TestConsolidation:
    def test_finds_patterns_that_routing_then_heeds(self, house):
        run = consolidate()

        assert names() == {"tag css → web", "tag sql → data"}
        assert (run.state, run.counts["episodes"], run.counts["found"]) == ("done", 60, 2)
        pattern = Pattern.objects.get(name="tag css → web")
        assert {(seen.source, seen.window, seen.failures) for seen in pattern.evidence.all()} == {
            ("local", "older", 0), ("local", "newer", 0),
        }  # fmt: skip
        assert Event.objects.about(pattern).get().actor == "hopper"
        best = suggest_for(task=Task(title="anything", tags=["css"])).best
        assert best.project == "web"
        assert any(reason.startswith("such tasks go there: tag css → web") for reason in best.reasons)

    def test_changes_nothing_when_nothing_has_changed(self, house):
        consolidate()
        before, events = list(Pattern.objects.order_by("pk").values()), Event.objects.count()
        run = consolidate()
        assert list(Pattern.objects.order_by("pk").values()) == before
        assert (Event.objects.count(), run.counts["found"], run.counts["switched_off"]) == (events, 0, 0)
        assert LearnedState.objects.filter(kind="skills").count() == 1

    def test_switches_off_what_no_longer_holds_and_on_again_what_does(self, house):
        web, data = house
        consolidate()
        done((data, "css"), (data, "sql"), times=60)
        run = consolidate()
        assert "tag css → web" not in names()
        assert "- off: tag css → web" in run.log
        done((web, "css"), (data, "sql"), times=150)
        assert "- on again: tag css → web" in consolidate().log

    def test_leaves_what_a_person_changed_as_it_is_and_counts_its_evidence(self, house):
        consolidate()
        pattern = change_pattern(pattern=Pattern.objects.get(name="tag css → web"), is_active=False, actor="ada")
        consolidate()
        pattern.refresh_from_db()
        assert (pattern.source, pattern.is_active, pattern.evidence.count()) == ("manual", False, 2)

    @pytest.mark.parametrize(("is_withdrawn", "found"), [(False, {"tag login fails at web"}), (True, set())])
    def test_finds_where_tasks_fail_though_nobody_knows_where_they_belong(self, is_withdrawn, found):
        web, _ = make_projects("web", "data")
        tasks = done((web, "login"), (web, "css"))
        Episode.objects.update(outcome_success=None)  # as of work that nobody has judged yet
        for task in tasks:
            if task.tags == ["login"]:
                given = record_feedback(task=Task.objects.get(pk=task.pk), was_good_match=False, actor="ada")
                if is_withdrawn:
                    withdraw_feedback(feedback=given, actor="ada")
        consolidate()
        assert names(is_anti_pattern=True) == found

    def test_keeps_tasks_from_where_such_tasks_fail_until_no_newer_episode_says_so(self):
        web, data = make_projects("web", "data")
        fail_at(web, data)
        consolidate()
        assert names(is_anti_pattern=True) == {"tag login fails at web"}
        choice = suggest_for(task=Task(title="x", tags=["login"]))
        assert choice.filtered == {"fails for such tasks": 1}
        assert choice.best.project == "data"

        done((web, "css"), times=150)
        consolidate()
        assert names(is_anti_pattern=True) == set()

    def test_counts_how_often_a_pattern_matched(self, house):
        consolidate()
        route_task(task=TaskFactory(title="more", tags=["css"]))
        used = Pattern.objects.get(name="tag css → web").usage_count
        consolidate(now=timezone.now())
        pattern = Pattern.objects.get(name="tag css → web")
        assert (pattern.usage_count, pattern.version) == (used + 1, 1)
        assert pattern.last_used_at is not None

    def test_learns_nothing_from_what_is_private(self, house):
        home = InstanceFactory(scope="PERSONAL", config={"owner": "ada"})
        errands = ProjectFactory(name="errands", instance=InstanceFactory(scope="PROJECT", parent=home))
        done((errands, "birthday"))
        run = consolidate()
        assert run.counts["episodes"] == 60
        assert names() == {"tag css → web", "tag sql → data"}

    def test_proves_skills_beside_the_claimed_ones(self, house):
        able = ProjectFactory(name="able", capabilities={"rust": 3})
        ProjectFactory(name="boastful", capabilities={"rust": 3})
        done((able, "engine"), required_capabilities={"rust": 2}, times=20)
        consolidate()
        choice = suggest_for(task=Task(title="x", required_capabilities={"rust": 2}))
        assert [place.project for place in choice.ranked] == ["able", "boastful"]
        assert any("proven in rust: 20 of 20" in reason for reason in choice.best.reasons)
        assert choice.filtered == {"lacks rust at level 2": 2}


class TestARun:
    def test_goes_alone(self):
        ConsolidationRun.objects.create(asked_by="ada", state="running", started_at=timezone.now())
        with pytest.raises(AlreadyConsolidating):
            consolidate()
        assert app.tasks["routing.consolidate"]() is None

    def test_follows_one_that_was_killed(self):
        then = timezone.now() - timedelta(hours=1)
        dead = ConsolidationRun.objects.create(asked_by="ada", state="running", started_at=then)
        assert consolidate().state == "done"
        dead.refresh_from_db()
        assert (dead.state, dead.log) == ("failed", "It was killed; the next run mended what it left.")

    def test_that_was_asked_for_is_done_once(self):
        wanted = request_consolidation(actor="ada")
        assert request_consolidation(actor="bob") == wanted
        assert app.tasks["routing.consolidate_wanted"]() == wanted.pk
        assert app.tasks["routing.consolidate_wanted"]() is None
        assert ConsolidationRun.objects.get().asked_by == "ada"

    def test_that_stops_with_an_error_says_so_and_stores_nothing_else(self, house, settings):
        settings.MEMORY_REPOSITORY = 7  # no path
        with pytest.raises(TypeError):
            consolidate()
        run = ConsolidationRun.objects.get()
        assert (run.state, run.log.splitlines()[-1]) == ("failed", "It stopped: TypeError.")


class TestTheRepository:
    def test_holds_every_file_of_one_commit(self, house, repository):
        run = consolidate()

        assert git(repository, "rev-parse", "HEAD").strip() == run.commit
        assert git(repository, "status", "--porcelain") == ""
        texts = {name: (repository / name).read_text() for name in git(repository, "ls-files").split()}
        assert set(texts) == FILES
        assert not [name for name, text in texts.items() if STRANGE in text]
        (css, sql) = yaml.safe_load(texts["routing_patterns.yaml"])
        assert (css["tags"], css["project"], sql["project"]) == (["css"], "web", "data")
        assert yaml.safe_load(texts["project_strengths.yaml"])["web"][0]["skill"] == "css"
        assert json.loads(texts["attention_weights.json"])["weights"]["pattern"] == 0.5
        assert f"run {run.pk}" in texts["consolidation_log.md"]

    def test_gets_no_commit_when_nothing_changed_and_the_newest_entry_on_top(self, house, repository):
        first = consolidate()
        assert consolidate().commit is None
        done((house[0], "html"))
        last = consolidate()
        assert git(repository, "rev-list", "--count", "HEAD").strip() == "2"
        log = (repository / "consolidation_log.md").read_text()
        assert log.index(f"run {last.pk}") < log.index(f"run {first.pk}")
        assert log.count("# What") == 1

    def test_heeds_no_hook_no_lock_of_the_dead_and_nothing_that_others_put_there(self, house, repository):
        consolidate()
        hook = repository / ".git" / "hooks" / "pre-commit"
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        (repository / ".git" / "index.lock").touch()
        (repository / "notes.txt").write_text("mine")
        (repository / "routing_patterns.yaml").write_text("half a fi")
        done((house[0], "html"))
        assert consolidate().commit
        assert git(repository, "status", "--porcelain") == "?? notes.txt\n"

    def test_leaves_out_who_lives_in_a_private_place(self, repository):
        home = InstanceFactory(scope="FAMILY", name="smiths")
        errands = ProjectFactory(name="errands", instance=home, capabilities={"driving": 2})
        done((errands, "birthday"))
        consolidate()
        said = " ".join(path.read_text() for path in repository.glob("*_*"))
        assert not [word for word in ("errands", "birthday", "driving", "smiths") if word in said]

    def test_is_pushed(self, house, repository, remote):
        run = consolidate()
        assert git(remote, "rev-parse", "main").strip() == run.commit

    def test_keeps_a_commit_that_could_not_be_pushed_for_the_next_run(self, house, repository, remote, settings):
        settings.MEMORY_REMOTE = f"{remote}-away:secret"
        run = consolidate()
        assert run.state == "done"
        assert "the next run tries again: git push" in run.log
        assert "secret" not in run.log

        settings.MEMORY_REMOTE = str(remote)
        assert consolidate().commit is None
        assert git(remote, "rev-parse", "main").strip() == run.commit

    def test_goes_on_from_the_remote_where_the_folder_was_lost(self, house, repository, remote, settings, tmp_path):
        first = consolidate()
        settings.MEMORY_REPOSITORY = str(tmp_path / "another")
        done((house[0], "html"))
        last = consolidate()
        assert git(remote, "rev-list", "main").split() == [last.commit, first.commit]

    def test_that_cannot_be_written_fails_no_run(self, house, settings, tmp_path):
        (tmp_path / "file").touch()
        settings.MEMORY_REPOSITORY = str(tmp_path / "file" / "memory")
        run = consolidate()
        assert (run.state, run.commit) == ("done", None)
        assert "cannot be written" in run.log
        assert loading.load_knowledge().patterns.by_trigger
