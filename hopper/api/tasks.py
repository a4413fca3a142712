"""A task with its decision, feedback and counterparts: what several apps know of it, at one address."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from feedback import operations as feedback
from feedback.models import TaskFeedback
from feedback.serializers import FeedbackInput, FeedbackSerializer
from hopper.api.places import named_place
from hopper.common.models import Role
from hopper.common.rest.pagination import page_size
from hopper.common.rest.principals import Principal
from hopper.common.rest.serializers import LeanSerializer
from hopper.events.models import Event
from hopper.events.serializers import EventSerializer
from projects.models import Project
from routing import operations as routing
from routing.models import Decision, Delegation, Pattern, TaskEmbedding
from routing.serializers import DecisionInput, DecisionSerializer, DelegationSerializer, PatternSerializer
from sync import operations as sync
from sync.models import ExternalMapping
from sync.serializers import MappingChange, MappingInput, MappingSerializer
from tasks import operations as tasks
from tasks.models import Task
from tasks.serializers import TaskSerializer
from tasks.viewsets import TaskViewSet

WRITE_FEEDBACK = dict.fromkeys(("give_feedback", "replace_feedback", "withdraw_feedback"), Role.EXECUTOR)
LOOKS = dict.fromkeys(
    ("timeline", "decision", "feedback", "external_mappings", "delegations", "similar", "patterns"), Role.VIEWER
)
LIMIT = OpenApiParameter("limit", int, description="At most 100.")
OPERATE = dict.fromkeys(("route", "record_decision", "add_mapping", "change_mapping", "remove_mapping"), Role.OPERATOR)


def suggestion(task: Task, principal: Principal) -> dict[str, Any]:
    """Return what Hopper would decide about the task; nothing is stored."""
    seen = Project.objects.for_principal(principal).values_list("pk", flat=True) if principal.is_limited else None
    choice = routing.suggest_for(task=task, among=seen)
    found = {name: getattr(choice, name) for name in ("outcome", "confidence", "reasoning", "decided_by")}
    return {**found, "candidates": [place.as_dict() for place in choice.ranked]}


class DetailedTaskSerializer(TaskSerializer):
    """A task with its decision and its current feedback."""

    decision = DecisionSerializer(read_only=True)
    feedback = FeedbackSerializer(read_only=True)

    class Meta(TaskSerializer.Meta):
        fields = [*TaskSerializer.Meta.fields, "decision", "feedback"]
        read_only_fields = fields


class SimilarSerializer(LeanSerializer):
    """A row with how like it is: the cosine, where 1 means the same."""

    similarity = serializers.SerializerMethodField()

    def get_similarity(self, row: Any) -> float:
        return round(1.0 - row.distance, 4)


class SimilarTaskSerializer(SimilarSerializer, TaskSerializer):
    """A task with how like it is."""

    class Meta(TaskSerializer.Meta):
        fields = ["similarity", *TaskSerializer.Meta.fields]
        read_only_fields = fields


class SimilarPatternSerializer(SimilarSerializer, PatternSerializer):
    """A pattern with how like it is."""

    class Meta(PatternSerializer.Meta):
        fields = ["similarity", *PatternSerializer.Meta.fields]
        read_only_fields = fields


class ComposedTaskViewSet(TaskViewSet):
    """The work: what came in, where it stands, who holds it, why it is there."""

    serializer_class = DetailedTaskSerializer
    list_serializer_class = TaskSerializer
    access: ClassVar = {**TaskViewSet.access, **WRITE_FEEDBACK, **LOOKS, **OPERATE}

    def get_queryset(self) -> QuerySet:
        """Lists leave decision and feedback out: they are wide, and one call away."""
        rows = super().get_queryset()
        return rows.select_related("decision", "feedback") if self.detail or self.action == "create" else rows

    @extend_schema(
        parameters=[
            OpenApiParameter("route", bool, description="false stores the task without routing it."),
        ],
        responses={201: DetailedTaskSerializer},
    )
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Take a task in, route it and answer with the decision."""
        wanted = self.checked(request)
        task = tasks.submit_task(actor=self.actor, route=self.flag("route", default=True), **wanted)
        location = {"Location": f"{request.path.rstrip('/')}/{task.pk}"}
        return Response(self.read(task), status=status.HTTP_201_CREATED, headers=location)

    @extend_schema(
        request=None, parameters=[OpenApiParameter("dry_run", bool, description="Decide and store nothing.")],
        responses={200: DetailedTaskSerializer},
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def route(self, request: Request, pk: str) -> Response:
        """Route a pending task now; `?dry_run=true` decides and stores nothing."""
        task = self.get_object()
        if self.flag("dry_run", default=False):
            return Response(suggestion(task, self.principal))
        routing.route_task(task=task, actor=self.actor)
        return Response(self.read(task))

    @extend_schema(responses=EventSerializer(many=True))
    @action(detail=True)
    def timeline(self, request: Request, pk: str) -> Response:
        """List everything that happened to the task, oldest first."""
        return Response({"results": EventSerializer.show_all(Event.objects.about(self.get_object()))})

    @extend_schema(responses=DelegationSerializer(many=True))
    @action(detail=True)
    def delegations(self, request: Request, pk: str) -> Response:
        """List the hops of the task through the tree."""
        hops = Delegation.objects.of_task(self.get_object())
        return Response({"results": DelegationSerializer.show_all(hops)})

    # -- what is like it

    @extend_schema(parameters=[LIMIT], responses=SimilarTaskSerializer(many=True))
    @action(detail=True)
    def similar(self, request: Request, pk: str) -> Response:
        """List the tasks that mean most nearly the same, nearest first; filters of the list narrow them."""
        task = self.get_object()
        others = self.filter_queryset(TaskViewSet.get_queryset(self)).exclude(pk=task.pk)
        return Response(self._nearest(task, others, SimilarTaskSerializer, 10))

    @extend_schema(parameters=[LIMIT], responses=SimilarPatternSerializer(many=True))
    @action(detail=True)
    def patterns(self, request: Request, pk: str) -> Response:
        """List the patterns in use whose words mean most nearly the same as the task's."""
        known = Pattern.objects.active().for_principal(self.principal)
        return Response(self._nearest(self.get_object(), known, SimilarPatternSerializer, 5))

    def _nearest(self, task: Task, rows: Any, shown: type[LeanSerializer], count: int) -> dict[str, Any]:
        """Return the rows nearest to the task; `waiting` says that its vector is still being built."""
        own = TaskEmbedding.objects.of_task(task)
        count = page_size(self.request, "limit", count)
        near = rows.nearest_to(own.embedding, model=own.model)[:count] if own else ()
        waiting = own is None and not TaskEmbedding.objects.filter(task=task).exists()  # else it has no words
        return {"waiting": waiting, "results": shown.show_all(near)}

    # -- decision

    @extend_schema(responses=DecisionSerializer)
    @action(detail=True)
    def decision(self, request: Request, pk: str) -> Response:
        """Show where the task is to go and why."""
        found = Decision.objects.for_task(self.get_object()).first()
        if found is None:
            raise Http404
        return Response(DecisionSerializer.show(found))

    @extend_schema(request=DecisionInput, responses=DecisionSerializer)
    @decision.mapping.put
    def record_decision(self, request: Request, pk: str) -> Response:
        """Record a decision that was made outside."""
        wanted = DecisionInput.checked(request.data)
        place = named_place(wanted, self.principal)
        reason = wanted.get("reasoning", "")
        made = routing.assign_task(task=self.get_object(), actor=self.actor, reason=reason, **place)
        return Response(DecisionSerializer.show(made))

    # -- feedback

    @extend_schema(responses=FeedbackSerializer)
    @action(detail=True)
    def feedback(self, request: Request, pk: str) -> Response:
        """Show the current judgement."""
        return Response(FeedbackSerializer.show(self._judgement()))

    @extend_schema(request=FeedbackInput, responses={201: FeedbackSerializer})
    @feedback.mapping.post
    def give_feedback(self, request: Request, pk: str) -> Response:
        """Judge where the task went and how the work was; Hopper learns from it at once."""
        return self._judge(replace=False, code=status.HTTP_201_CREATED)

    @extend_schema(request=FeedbackInput, responses=FeedbackSerializer)
    @feedback.mapping.put
    def replace_feedback(self, request: Request, pk: str) -> Response:
        """Replace the judgement: what is left out is forgotten."""
        return self._judge(replace=True, code=status.HTTP_200_OK)

    @extend_schema(request=None, responses={204: None})
    @feedback.mapping.delete
    def withdraw_feedback(self, request: Request, pk: str) -> Response:
        """Take the judgement back; what it taught is forgotten."""
        feedback.withdraw_feedback(feedback=self._judgement(), actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _judgement(self) -> TaskFeedback:
        found = TaskFeedback.objects.filter(task=self.get_object()).first()
        if found is None:
            raise Http404
        return found

    def _judge(self, *, replace: bool, code: int) -> Response:
        wanted = FeedbackInput.checked(self.request.data)
        given = feedback.record_feedback(task=self.get_object(), actor=self.actor, replace=replace, **wanted)
        return Response(FeedbackSerializer.show(given), status=code)

    # -- counterparts on other platforms

    @extend_schema(responses=MappingSerializer(many=True))
    @action(detail=True, url_path="external-mappings")
    def external_mappings(self, request: Request, pk: str) -> Response:
        """List the task's counterparts on other platforms."""
        rows = ExternalMapping.objects.of_task(self.get_object())
        return Response({"results": MappingSerializer.show_all(rows)})

    @extend_schema(request=MappingInput, responses={201: MappingSerializer})
    @external_mappings.mapping.post
    def add_mapping(self, request: Request, pk: str) -> Response:
        """Tie the task to a counterpart."""
        made = sync.create_mapping(task=self.get_object(), actor=self.actor, **MappingInput.checked(request.data))
        return Response(MappingSerializer.show(made), status=status.HTTP_201_CREATED)

    @extend_schema(request=MappingChange, responses=MappingSerializer)
    @action(detail=True, methods=["put"], url_path="external-mappings/(?P<platform>[^/]+)")
    def change_mapping(self, request: Request, pk: str, platform: str) -> Response:
        """Change where the counterpart is."""
        changes = MappingChange.checked(request.data)
        changed = sync.change_mapping(mapping=self._mapping(platform), actor=self.actor, **changes)
        return Response(MappingSerializer.show(changed))

    @extend_schema(request=None, responses={204: None})
    @change_mapping.mapping.delete
    def remove_mapping(self, request: Request, pk: str, platform: str) -> Response:
        """Cut the tie."""
        sync.delete_mapping(mapping=self._mapping(platform), actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _mapping(self, platform: str) -> ExternalMapping:
        found = ExternalMapping.objects.of_task(self.get_object()).filter(platform=platform).first()
        if found is None:
            raise Http404
        return found
