"""The review queue: an answer is one click or one key."""

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from feedback import operations
from feedback.pages.asking import given, seen
from hopper.common.errors import HopperError
from hopper.common.rest.principals import Principal
from projects.models import Project
from routing.models import TaskAdvice
from routing.operations import settle_advice as settle_its_advice
from routing.operations import settle_duplicate as settle

PAGE = 20


@require_http_methods(["GET", "POST"])
def review_queue(request: HttpRequest) -> HttpResponse:
    """List the tasks that Hopper was not sure about; a click on a place is the answer."""
    if not request.user.has_perm("tasks.change_task"):
        messages.error(request, "You may not answer reviews: ask for the permission to change tasks.")
        return redirect("admin:index")
    if request.method == "POST":
        _answer(request)
        return redirect(request.get_full_path())
    waiting = seen(request).in_review().select_related("decision", "duplicate__original")
    page = Paginator(waiting, PAGE).get_page(request.GET.get("page"))
    asked = operations.who_is_asked(tasks=page.object_list)
    for task in page:
        task.asked = asked[task.pk]
    context = {
        **admin.site.each_context(request),
        "title": "Review queue",
        "page": page,
        "projects": Project.objects.active().order_by("name"),
    }
    return TemplateResponse(request, "admin/review_queue.html", context)


def _answer(request: HttpRequest) -> None:
    task = seen(request).filter(pk=given(request, "task")).first()
    project = Project.objects.filter(pk=given(request, "project")).first()
    if task is None or project is None:
        messages.error(request, "Choose a project for the task; it may have been answered or deleted meanwhile.")
        return
    try:
        operations.answer_review(task=task, project=project, actor=request.user.get_username())
    except HopperError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"“{task}” went to {project}. Hopper has learned from it.")


@require_http_methods(["POST"])
def settle_duplicate(request: HttpRequest, key: str) -> HttpResponse:
    """Take the answer to "perhaps a duplicate", and show the task again."""
    page = redirect("admin:tasks_task_change", key)
    task = seen(request).filter(pk=unquote(key)).first()
    if task is None or not request.user.has_perm("tasks.change_task"):
        messages.error(request, "You may not change this task, or it is no longer there.")
        return page
    is_duplicate = request.POST.get("verdict") == "confirm"
    try:
        settle(task=task, is_duplicate=is_duplicate, actor=request.user.get_username())
    except HopperError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "It is a duplicate, then." if is_duplicate else "It is no duplicate, then.")
    return page


@require_http_methods(["POST"])
def settle_advice(request: HttpRequest, key: str) -> HttpResponse:
    """Accept or dismiss what an adviser suggests for a task, and show the task again."""
    found = TaskAdvice.objects.for_principal(Principal.of_user(request.user))
    advice = found.filter(pk=unquote(key)).select_related("task").first()
    if advice is None or not request.user.has_perm("tasks.change_task"):
        messages.error(request, "You may not change this task, or the advice is no longer there.")
        return redirect("admin:tasks_task_changelist")
    accept = request.POST.get("verdict") == "accept"
    try:
        settle_its_advice(advice=advice, accept=accept, actor=request.user.get_username())
    except HopperError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "The advice was taken." if accept else "The advice was dismissed.")
    return redirect("admin:tasks_task_change", advice.task_id)
