"""What people said, counted; and the tags that they missed."""

import pytest

from feedback.models import TagDismissal, TaskFeedback
from feedback.operations import (
    NothingToTag,
    accept_tag,
    answer_review,
    count_feedback,
    dismiss_tag,
    propose_tags,
    record_feedback,
    restore_tag,
)
from projects.models import Project
from routing.operations import assign_task, route_task
from routing.tests.factories import make_projects
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


def judged(project, good=True, tags=(), **said):
    task = TaskFactory(tags=list(tags))
    assign_task(task=task, project=Project.objects.get(pk=project), actor="ada")
    record_feedback(task=task, was_good_match=good, actor="ada", **said)
    return task


@pytest.fixture
def said():
    """Four judgements: two of web, one of data, one of what Hopper left to a person."""
    make_projects("web", "data")
    doubted = TaskFactory()
    route_task(task=doubted)
    judged("web", quality_score=0.5, required_rework=True, tags=["api", "slow"])
    judged("web", good=False, should_have_routed_to="data", required_rework=False, tags=["api"])
    judged("data", quality_score=1.0)
    answer_review(task=doubted, project=Project.objects.get(pk="web"), actor="ada")


def counted(by):
    return {row["key"]: row for row in count_feedback(feedback=TaskFeedback.objects.all(), by=by)}


class TestTheStatistics:
    def test_are_counted_by_the_project_that_was_chosen(self, said):
        rows = counted("project")
        assert rows["web"] == {
            "key": "web", "judged": 2, "good": 1, "good_share": 0.5, "mean_quality": 0.5, "rework_share": 0.5,
            "corrected_to": {"data": 1},
        }  # fmt: skip
        assert (rows["data"]["rework_share"], rows[None]["judged"], next(iter(rows))) == (None, 1, "web")

    def test_are_counted_by_strategy_tag_and_time(self, said):
        assert {key: row["judged"] for key, row in counted("strategy").items()} == {"human": 3, "capability": 1}
        assert {key: row["good_share"] for key, row in counted("tag").items()} == {"api": 0.5, "slow": 1.0}
        today, week = TaskFeedback.objects.first().created_at.date(), counted("week")
        assert list(counted("day")) == [today.isoformat()]
        assert [row["judged"] for row in week.values()] == [4]

    def test_are_read_in_a_time_by_those_who_may_see_the_tasks(self, api, said):
        client = api("viewer")
        assert client.get("/feedback/statistics", by="project", until="2020-01-01T00:00:00Z").json()["results"] == []
        limited = api("viewer", name="out", projects=["data"]).get("/feedback/statistics").json()
        assert [(row["key"], row["judged"]) for row in limited["results"]] == [("data", 1)]
        assert client.get("/feedback/statistics", by="colour").status_code == 400
        assert client.get("/feedback/statistics", colour="red").status_code == 400


class TestTagsThatWereMissed:
    @pytest.fixture
    def tasks(self):
        make_projects("web", "data")
        skills = {"required_skills_not_tagged": ["SQL", "no 'tag'"]}
        return [judged("web", **skills), judged("web", tags=["sql"], **skills), judged("web", **skills), judged("data")]

    def proposed(self):
        return [(one.project, one.tag, one.tasks) for one in propose_tags(feedback=TaskFeedback.objects.all())]

    def test_are_proposed_for_the_tasks_that_still_lack_them(self, tasks):
        assert self.proposed() == [("web", "sql", [tasks[2], tasks[0]])]

    @pytest.mark.parametrize(("as_capability", "tags", "skills"), [(False, ["sql"], {}), (True, [], {"sql": 1})])
    def test_are_added_once_they_are_accepted(self, tasks, as_capability, tags, skills):
        wanted = {"feedback": TaskFeedback.objects.all(), "project": "web", "tag": "sql", "actor": "ada"}
        assert accept_tag(**wanted, as_capability=as_capability) == 2
        task = Task.objects.get(pk=tasks[0].pk)
        assert (task.tags, task.required_capabilities) == (tags, skills)
        assert self.proposed() == []
        with pytest.raises(NothingToTag):
            accept_tag(**wanted)

    def test_stay_away_once_they_are_dismissed_until_that_is_taken_back(self, tasks):
        dismiss_tag(project="web", tag=" SQL", actor="ada")
        assert self.proposed() == []
        restore_tag(dismissal=TagDismissal.objects.get(), actor="ada")
        assert len(self.proposed()) == 1

    def test_are_listed_accepted_and_dismissed_through_the_api(self, api, tasks):
        client = api("operator")
        (found,) = client.get("/feedback/retag").json()["results"]
        assert (found["project"], found["tag"], found["mentions"]) == ("web", "sql", 2)
        assert found["tasks"][0] == {"id": tasks[2].pk, "title": tasks[2].title}
        assert client.post("/feedback/retag/dismiss", project="web", tag="it's").status_code == 400
        assert client.post("/feedback/retag/accept", project="web", tag="sql").json() == {"changed": 2}
        assert client.post("/feedback/retag/accept", project="web", tag="sql").status_code == 409
        assert client.post("/feedback/retag/dismiss", project="web", tag="sql").json() == {"dismissed": True}
        assert client.get("/feedback/retag").json()["results"] == []
