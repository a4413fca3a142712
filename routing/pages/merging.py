"""The page that asks into which other project one is merged."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from hopper.common.errors import HopperError
from projects.models import Project
from routing import operations

LIST = "admin:projects_project_changelist"


@require_http_methods(["GET", "POST"])
def merge_project(request: HttpRequest) -> HttpResponse:
    """Show what would go from the project to another, ask which, and merge them."""
    if not request.user.has_perm("projects.change_project"):
        messages.error(request, "You may not merge projects: ask for the permission to change them.")
        return redirect("admin:index")
    project = Project.objects.filter(pk=request.GET.get("project", "").replace("\x00", "")).first()
    if project is None:
        messages.error(request, "Choose a project in the list first.")
        return redirect(LIST)
    if request.method == "POST":
        return _carry_out(request, project)
    there = operations.preview_merge(project=project)
    context = {
        **admin.site.each_context(request), "title": f"Merge {project} into another project", "project": project,
        "others": Project.objects.active().exclude(pk=project.pk).order_by("pk"),
        "rows": [
            ("Lessons that speak for it", there.lessons),
            ("Patterns that lead to it", there.patterns),
            ("Tasks that wait there", there.tasks),
            ("Held or blocked, which stay until they are over", there.left),
        ],
    }  # fmt: skip
    return TemplateResponse(request, "admin/merge_project.html", context)


def _carry_out(request: HttpRequest, project: Project) -> HttpResponse:
    into: Any = Project.objects.filter(pk=request.POST.get("into", "").replace("\x00", "")).first()
    again = redirect(f"{reverse('merge-project')}?{urlencode({'project': project.pk})}")
    if into is None:
        messages.error(request, "Choose the project that it is merged into.")
        return again
    try:
        merged = operations.merge_project(project=project, into=into, actor=request.user.get_username())
    except HopperError as error:
        messages.error(request, error.message)
        return again
    messages.success(
        request,
        f"{project} was merged into {into}: {merged.lessons} lessons, {merged.patterns} patterns and "
        f"{merged.tasks} tasks went there, {merged.left} open tasks are left.",
    )
    return redirect(LIST)
