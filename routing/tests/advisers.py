"""The advisers that tests ask."""

from feedback.operations import answer_review
from projects.models import Project
from routing.advisers import get_llm
from routing.operations import advise_waiting, route_task
from tasks.tests.factories import TaskFactory


def configured_llm(settings, stub, **others):
    """Return the language model before the stub; a second is a long time to it."""
    settings.LLM_MODEL, settings.LLM_BASE_URL, settings.LLM_API_KEY = "stub-mini", stub.url, "secret-key"
    settings.LLM_TIMEOUT, settings.LLM_PRICES, settings.SAGE = 1, {"in": 0.15, "out": 0.6}, ""
    settings.CONSUMERS = {"task.review_requested": ["advice"], "advice.wanted": ["advice"]}
    for name, value in others.items():
        setattr(settings, name, value)
    return get_llm()


def in_doubt(title="Which of them?", **fields):
    """Return a task that Hopper did not dare to place."""
    task = TaskFactory(title=title, required_capabilities={"python": 3}, **fields)
    route_task(task=task)
    return task


def ask_about(task):
    """Let the advisers be asked, and return the task as it then stands."""
    advise_waiting()
    task.refresh_from_db()
    return task


def names(project, **more):
    """Return what a model says that always names the project, by the capabilities that the project alone has."""
    own = Project.objects.get(pk=project).capabilities

    def says(data):
        (place,) = [place["id"] for place in data["places"] if place["capabilities"] == own]
        return {"choice": place, "confidence": 0.9, "reason": "it fits", **more}

    return says


def judge(task, project):
    """Let a person say where the task belongs."""
    answer_review(task=task, project=Project.objects.get(pk=project), actor="ada")
