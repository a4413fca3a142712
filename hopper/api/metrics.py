"""`/metrics` for Prometheus: what the web processes counted, and what the database says now."""

import os
from collections.abc import Iterable
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.utils.module_loading import import_string
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from hopper.common.models import Role
from hopper.common.rest.permissions import DenyUnlessDeclared
from hopper.common.rest.principals import principal_of


class SeesEverything(BasePermission):
    """Allows whoever is not limited to some branches or projects: the numbers are those of all."""

    message = "The metrics speak of every branch; this key sees only some."

    def has_permission(self, request: Request, view: Any) -> bool:
        return not principal_of(request).is_limited


class Asked(Collector):
    """Asks each function that `METRICS` names, at the moment of the scrape."""

    def collect(self) -> Iterable[Metric]:
        for name in settings.METRICS:
            yield from import_string(name)()


class MetricsViewSet(ViewSet):
    """Numbers for Prometheus, which signs in with a key."""

    access: ClassVar = {"list": Role.VIEWER}
    permission_classes = (DenyUnlessDeclared, SeesEverything)

    def list(self, request: Request) -> HttpResponse:
        """Show what was counted and what is asked now, in the text format."""
        asked = CollectorRegistry(auto_describe=False)
        asked.register(Asked())
        return HttpResponse(generate_latest(_counted()) + generate_latest(asked), content_type=CONTENT_TYPE_LATEST)


def _counted() -> CollectorRegistry:
    """Return what was counted in this process or, where they share a folder, in every web process."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)
    return together
