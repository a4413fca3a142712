"""What operators answer on the page of a task about proposals of advisers."""

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from hopper.common.errors import HopperError
from hopper.common.rest.principals import Principal
from routing import operations
from routing.models import Proposal


@require_http_methods(["POST"])
def settle_proposal(request: HttpRequest, key: str) -> HttpResponse:
    """Accept or dismiss what an adviser proposed, and show the task again."""
    seen = Proposal.objects.for_principal(Principal.of_user(request.user))
    proposal = seen.filter(pk=unquote(key)).select_related("task").first()
    if proposal is None or not request.user.has_perm("tasks.change_task"):
        messages.error(request, "You may not change this task, or the proposal is no longer there.")
        return redirect("admin:tasks_task_changelist")
    accept = request.POST.get("verdict") == "accept"
    try:
        operations.settle_proposal(proposal=proposal, accept=accept, actor=request.user.get_username())
    except HopperError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "The proposal was accepted." if accept else "The proposal was dismissed.")
    return redirect("admin:tasks_task_change", proposal.task_id)
