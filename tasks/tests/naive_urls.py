"""Hopper's addresses, and beside them `/api/v1/naive/…`: claims and completions as one would write them first."""

import json

from django.http import JsonResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from hopper.urls import urlpatterns as own
from tasks.models import Task


@csrf_exempt
def claim_next(request):
    """Select what is free, then update it, one by one: two who update several at once may wait for each other."""
    wanted = json.loads(request.body)
    tasks = list(Task.objects.ready()[: wanted["limit"]])
    claimed = {"status": "claimed", "lease_owner": wanted["executor"], "lease_until": timezone.now()}
    for task in tasks:
        Task.objects.filter(pk=task.pk).update(**claimed)
    return JsonResponse({"claims": [{"task": {"id": task.pk}} for task in tasks]})


@csrf_exempt
def complete(request, key):
    """Complete whatever is named, whoever asks."""
    done = {"status": "completed", "lease_owner": None, "lease_until": None, "finished_at": timezone.now()}
    Task.objects.filter(pk=key).update(result=json.loads(request.body)["result"], **done)
    return JsonResponse({"status": "completed"})


urlpatterns = [
    path("api/v1/naive/claim-next", claim_next),
    path("api/v1/naive/<str:key>/complete", complete),
    *own,
]
