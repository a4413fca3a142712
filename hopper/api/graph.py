"""What hangs on what: questions to the graph, answered as far as the client may see."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.models import Role
from hopper.common.rest.serializers import StrictSerializer
from hopper.common.rest.viewsets import ScopedViewSet
from instances.models import Instance
from sync import operations
from sync.operations import Answer, Item
from tasks.models import Task

NAMED = ("instance", "pattern")


class TagsQuery(StrictSerializer):
    """How common is common."""

    min = serializers.IntegerField(default=5, min_value=1, max_value=2**31, help_text="Tasks with both tags, at least.")


class PatternsQuery(StrictSerializer):
    """How sure is sure."""

    min_confidence = serializers.FloatField(default=0.7, min_value=0, max_value=1, help_text="At least.")


class NodeSerializer(serializers.Serializer):
    """A task, an instance or a pattern on the way; all but tasks are named."""

    type = serializers.ChoiceField(["task", "instance", "pattern"])
    id = serializers.CharField()
    name = serializers.CharField(required=False)


class HopSerializer(serializers.Serializer):
    """How a task came to an instance."""

    id = serializers.CharField()
    type = serializers.CharField(source="delegation_type")
    status = serializers.CharField()
    delegated_at = serializers.DateTimeField()
    accepted_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)


class LinkSerializer(NodeSerializer):
    """The task, and then the instance of each hop."""

    delegation = HopSerializer(required=False)


class StepSerializer(NodeSerializer):
    """A task that has to be done, and how much work it is; null: nobody said, and it counts as an hour."""

    hours = serializers.FloatField(allow_null=True)


class StoppedSerializer(NodeSerializer):
    """A task that stops: it is at the instance, below it, handed there, or waits for one of those."""

    why = serializers.ChoiceField(["here", "below", "delegated", "waiting"])


class ConfidentSerializer(NodeSerializer):
    """A pattern and how sure it is."""

    confidence = serializers.FloatField()


class PairSerializer(serializers.Serializer):
    """Two tags and how many tasks carry both."""

    tags = serializers.ListField(child=serializers.CharField())
    weight = serializers.IntegerField()


class AnswerSerializer(serializers.Serializer):
    """`results` in order; which adapter answered; whether there is more than is shown."""

    results = NodeSerializer(many=True)
    answered_by = serializers.CharField(help_text="relational or neo4j")
    truncated = serializers.BooleanField()


class StatusSerializer(serializers.Serializer):
    """Who answers and how far the mirror lags; a limited key is not told what else is there."""

    adapter = serializers.CharField(help_text="relational or neo4j")
    lag_seconds = serializers.FloatField()
    waiting = serializers.IntegerField(help_text="Changes on their way into the graph.")
    dead = serializers.IntegerField(help_text="Changes that were given up.")
    answers = serializers.BooleanField(required=False)
    problem = serializers.CharField(required=False, allow_null=True)
    missing_constraints = serializers.ListField(child=serializers.CharField(), required=False, allow_null=True)
    rows = serializers.DictField(child=serializers.IntegerField(), required=False)
    graph = serializers.DictField(child=serializers.IntegerField(), required=False, allow_null=True)
    last_check = serializers.DictField(required=False, allow_null=True)


def answers(name: str, of: type[serializers.Serializer], **more: Any) -> type[AnswerSerializer]:
    """Return the shape of an answer whose results are such."""
    return type(name, (AnswerSerializer,), {"results": of(many=True), **more, "__doc__": AnswerSerializer.__doc__})


ChainAnswer = answers("ChainAnswer", LinkSerializer)
PathAnswer = answers("PathAnswer", StepSerializer, hours=serializers.FloatField())
TagsAnswer = answers("TagsAnswer", PairSerializer)
PatternsAnswer = answers("PatternsAnswer", ConfidentSerializer)
AwayAnswer = answers(
    "AwayAnswer", StoppedSerializer, projects=serializers.ListField(child=serializers.CharField()),
    counts=serializers.DictField(child=serializers.IntegerField()),
)  # fmt: skip


def node(item: Item) -> dict[str, Any]:
    """Return what names a row in every answer."""
    kind = item.row._meta.model_name
    return {"type": kind, "id": item.row.pk, **({"name": item.row.name} if kind in NAMED else {})}


def with_about(item: Item) -> dict[str, Any]:
    """Return the row with what the question added."""
    return {**node(item), **item.about}


def link(item: Item) -> dict[str, Any]:
    """Return the row with the hop that led there."""
    return {**node(item), **{name: HopSerializer(hop).data for name, hop in item.about.items()}}


class GraphViewSet(ScopedViewSet):
    """Questions about what hangs on what; Neo4j answers if there is one, else the tables, and they agree."""

    queryset = Task.objects.all()
    serializer_class = AnswerSerializer
    access: ClassVar = dict.fromkeys(
        (
            "path_to_root",
            "away",
            "patterns",
            "delegation_chain",
            "blocked",
            "lineage",
            "critical_path",
            "tags",
            "status",
        ),
        Role.VIEWER,
    )

    @extend_schema(responses=AnswerSerializer)
    @action(detail=False, url_path="instances/(?P<pk>[^/]+)/path-to-root")
    def path_to_root(self, request: Request, pk: str) -> Response:
        """List the instance, the one above it, and so on up to the root."""
        return self._answer(operations.path_to_root(instance=self._instance(pk), principal=self.principal))

    @extend_schema(responses=AwayAnswer)
    @action(detail=False, url_path="instances/(?P<pk>[^/]+)/away")
    def away(self, request: Request, pk: str) -> Response:
        """Say what stops if the instance is away with all below it: open tasks, what waits for them, projects."""
        found = operations.what_stops_without(instance=self._instance(pk), principal=self.principal)
        projects = [project.pk for project in found.about["projects"]]
        return self._answer(found, projects=projects, counts=found.about["counts"])

    @extend_schema(parameters=[PatternsQuery], responses=PatternsAnswer)
    @action(detail=False, url_path="instances/(?P<pk>[^/]+)/patterns")
    def patterns(self, request: Request, pk: str) -> Response:
        """List the patterns in use that route to the instance, the surest first."""
        least = PatternsQuery.checked(request.query_params.dict())["min_confidence"]
        found = operations.patterns_to(instance=self._instance(pk), least=least, principal=self.principal)
        return self._answer(found, lambda item: {**node(item), "confidence": item.row.confidence})

    @extend_schema(responses=ChainAnswer)
    @action(detail=False, url_path="tasks/(?P<pk>[^/]+)/delegation-chain")
    def delegation_chain(self, request: Request, pk: str) -> Response:
        """List the task and the instance of each of its hops, in the order they were made."""
        return self._answer(operations.delegation_chain(task=self._task(pk), principal=self.principal), link)

    @extend_schema(responses=AnswerSerializer)
    @action(detail=False, url_path="tasks/(?P<pk>[^/]+)/blocked")
    def blocked(self, request: Request, pk: str) -> Response:
        """List every task that waits for this one, directly or through others, the nearest first."""
        return self._answer(operations.tasks_blocked_by(task=self._task(pk), principal=self.principal))

    @extend_schema(responses=AnswerSerializer)
    @action(detail=False, url_path="tasks/(?P<pk>[^/]+)/lineage")
    def lineage(self, request: Request, pk: str) -> Response:
        """List what the task is part of from the root down, itself and its subtasks, each with where it was handed."""
        return self._answer(operations.lineage_of(task=self._task(pk), principal=self.principal))

    @extend_schema(responses=PathAnswer)
    @action(detail=False, url_path="tasks/(?P<pk>[^/]+)/critical-path")
    def critical_path(self, request: Request, pk: str) -> Response:
        """List the longest chain of open tasks that has to be done before this one, and itself, in order."""
        found = operations.critical_path(task=self._task(pk), principal=self.principal)
        return self._answer(found, hours=found.about["hours"])

    @extend_schema(parameters=[TagsQuery], responses=TagsAnswer)
    @action(detail=False, url_path="tags/co-occurrence")
    def tags(self, request: Request) -> Response:
        """List the pairs of tags that stand together on at least so many tasks, the commonest first."""
        least = TagsQuery.checked(request.query_params.dict())["min"]
        found = operations.tags_together(least=least, principal=self.principal)
        return self._answer(found, lambda pair: {"tags": [pair.first, pair.second], "weight": pair.weight})

    @extend_schema(responses=StatusSerializer)
    @action(detail=False)
    def status(self, request: Request) -> Response:
        """Say which adapter is configured, whether it answers, how far it lags, and what differs from the tables."""
        adapter = operations.graph_adapter()
        if self.principal.is_limited:
            return Response({"adapter": adapter, **operations.graph_lag()})
        found = operations.graph_status()
        if not found.pop("configured"):
            found |= {"answers": True, "problem": None}
        if not self.principal.may(Role.OPERATOR):
            del found["problem"]  # it names an address of this house
        return Response({"adapter": adapter, **found})

    def _task(self, key: str) -> Task:
        return get_object_or_404(Task.objects.for_principal(self.principal), pk=key)

    def _instance(self, key: str) -> Instance:
        return get_object_or_404(Instance.objects.for_principal(self.principal), pk=key)

    def _answer(self, found: Answer, show: Callable[[Any], dict[str, Any]] = with_about, **also: Any) -> Response:
        results = [show(item) for item in found.results]
        told = {"answered_by": found.answered_by, "truncated": found.truncated}
        return Response({"results": results, **also, **told})
