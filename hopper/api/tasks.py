"""A task with its decision, feedback and counterparts: what several apps know of it, at one address."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from feedback import operations as feedback
from feedback.models import TaskFeedback
from feedback.serializers import FeedbackInput, FeedbackSerializer, TaughtFeedbackSerializer
from hopper.api.delegation import DelegatedTaskViewSet
from hopper.api.meaning import DuplicateSerializer
from hopper.api.places import named_place, projects_seen_by
from hopper.api.telling import ToldTasks
from hopper.common.models import Role
from hopper.common.rest import idempotency
from hopper.common.rest.pagination import OldestFirst
from hopper.common.rest.principals import Principal
from hopper.events.models import Event
from hopper.events.serializers import EventSerializer, TimelineSerializer
from hopper.events.timeline import spaced
from routing import operations as routing
from routing.models import Decision
from routing.serializers import DecisionInput, DecisionSerializer, ExplanationSerializer
from sync import operations as sync
from sync.models import ExternalMapping
from sync.serializers import MappingChange, MappingInput, MappingSerializer
from tasks import operations as tasks
from tasks.models import Task
from tasks.serializers import TaskSerializer

WRITE_FEEDBACK = dict.fromkeys(("give_feedback", "replace_feedback", "withdraw_feedback"), Role.EXECUTOR)
LOOKS = dict.fromkeys(
    ("timeline", "decision", "explain", "feedback", "feedback_history", "external_mappings"), Role.VIEWER
)
OPERATE = dict.fromkeys(("route", "record_decision", "add_mapping", "change_mapping", "remove_mapping"), Role.OPERATOR)


LONGEST_WAIT = 10


def suggestion(task: Task, principal: Principal) -> dict[str, Any]:
    """Return what Hopper would decide about the task; nothing is stored."""
    choice = routing.suggest_for(task=task, among=projects_seen_by(principal))
    found = {name: getattr(choice, name) for name in ("outcome", "confidence", "reasoning", "decided_by")}
    return {**found, "candidates": [place.as_dict() for place in choice.ranked]}


class DetailedTaskSerializer(TaskSerializer):
    """A task with its decision, its current feedback, and the earlier task that it may repeat."""

    decision = DecisionSerializer(read_only=True)
    feedback = FeedbackSerializer(read_only=True)
    duplicate_of = DuplicateSerializer(read_only=True, allow_null=True)

    class Meta(TaskSerializer.Meta):
        fields = [*TaskSerializer.Meta.fields, "decision", "feedback", "duplicate_of"]
        read_only_fields = fields


class ComposedTaskViewSet(ToldTasks, DelegatedTaskViewSet):
    """The work: what came in, where it stands, who holds it, why it is there."""

    serializer_class = DetailedTaskSerializer
    list_serializer_class = TaskSerializer
    also_shows = (*DelegatedTaskViewSet.also_shows, TaughtFeedbackSerializer, MappingSerializer)
    access: ClassVar = {**DelegatedTaskViewSet.access, **WRITE_FEEDBACK, **LOOKS, **OPERATE}
    conditional = (
        *DelegatedTaskViewSet.conditional, "replace_feedback", "withdraw_feedback", "change_mapping", "remove_mapping",
    )  # fmt: skip

    @property
    def only_reads(self) -> bool:
        return self.action == "route" and self.flag("dry_run", default=False)

    def get_queryset(self) -> QuerySet:
        """Lists leave decision and feedback out: they are wide, and one call away."""
        rows = super().get_queryset()
        wide = self.detail or self.action == "create"
        return rows.select_related("decision", "feedback") if wide else rows

    def told(self, row: Task) -> Task:
        wide = self.detail or self.action == "create"
        return super().told(row) if wide else row

    def shown(self, row: Task) -> dict[str, Any]:
        row.duplicate_of = self.hint_of(row)  # type: ignore[attr-defined]
        return super().shown(row)

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
        routing.suggest_twin(task=task)
        location = {"Location": f"{request.path.rstrip('/')}/{task.pk}"}
        return Response(self.read(task), status=status.HTTP_201_CREATED, headers=location)

    @extend_schema(
        request=None,
        parameters=[
            OpenApiParameter("dry_run", bool, description="Decide and store nothing."),
            OpenApiParameter("wait", int, description="Seconds, up to 10, to wait for an adviser if there is doubt."),
        ],
        responses={200: DetailedTaskSerializer},
    )
    @action(detail=True, methods=["post"])
    def route(self, request: Request, pk: str) -> Response:
        """Route a pending task now; `?dry_run=true` decides and stores nothing."""
        task = self.get_object()
        if self.flag("dry_run", default=False):
            return Response(suggestion(task, self.principal))
        patience = self._patience()
        decision = routing.route_task(task=task, actor=self.actor)
        if patience and decision.outcome == Decision.Outcome.ABSTAINED:
            routing.advise_on(task=Task.objects.get(pk=task.pk), patience=patience)
        return Response(self.read(task))

    def _patience(self) -> int:
        """Return for how many seconds an adviser is waited for; not with a key, which would hold a transaction."""
        text = self.request.query_params.get("wait", "0")
        if not (text.isdecimal() and text.isascii() and len(text) <= 2 and int(text) <= LONGEST_WAIT):
            raise ValidationError({"wait": [f"Send a whole number of seconds, at most {LONGEST_WAIT}."]})
        if int(text) and idempotency.HEADER in self.request.META:
            raise ValidationError({"wait": ["Leave it out, or the Idempotency-Key: such a POST waits for nobody."]})
        return int(text)

    @extend_schema(responses=TimelineSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=OldestFirst)
    def timeline(self, request: Request, pk: str) -> Response:
        """List everything that happened to the task and to what belongs to it, oldest first, in words too."""
        told = Event.objects.around(self.get_object())
        rows = self.paginate_queryset(told) or []
        before = told.filter(id__lt=rows[0].pk).last() if rows else None
        return self.get_paginated_response(TimelineSerializer.show_all(spaced(rows, before=before)))

    # -- decision

    @extend_schema(responses=DecisionSerializer)
    @action(detail=True)
    def decision(self, request: Request, pk: str) -> Response:
        """Show where the task is to go and why."""
        found = Decision.objects.for_task(self.get_object()).first()
        if found is None:
            raise Http404
        return Response(DecisionSerializer.show(self.told_decision(found)))

    @extend_schema(responses=ExplanationSerializer)
    @action(detail=True)
    def explain(self, request: Request, pk: str) -> Response:
        """Say why the task is to go where it is to go, and the smallest change that would have flipped it."""
        return Response(routing.explain_task(task=self.get_object(), among=self.among))

    @extend_schema(request=DecisionInput, responses=DecisionSerializer)
    @decision.mapping.put
    def record_decision(self, request: Request, pk: str) -> Response:
        """Record a decision that was made outside."""
        wanted = DecisionInput.checked(request.data)
        place = named_place(wanted, self.principal)
        reason = wanted.get("reasoning", "")
        made = routing.assign_task(task=self.get_object(), actor=self.actor, reason=reason, **place)
        return Response(DecisionSerializer.show(self.told_decision(made)))

    # -- feedback

    @extend_schema(responses=TaughtFeedbackSerializer)
    @action(detail=True)
    def feedback(self, request: Request, pk: str) -> Response:
        """Show the current judgement."""
        return Response(TaughtFeedbackSerializer.show(self._judgement()))

    @extend_schema(request=FeedbackInput, responses={201: TaughtFeedbackSerializer})
    @feedback.mapping.post
    def give_feedback(self, request: Request, pk: str) -> Response:
        """Judge where the task went and how the work was; Hopper learns from it at once."""
        return self._judge(replace=False, code=status.HTTP_201_CREATED)

    @extend_schema(request=FeedbackInput, responses=TaughtFeedbackSerializer)
    @feedback.mapping.put
    def replace_feedback(self, request: Request, pk: str) -> Response:
        """Replace the judgement: what is left out is forgotten."""
        if self.wanted_tags is None:
            return self._judge(replace=True, code=status.HTTP_200_OK)
        wanted = FeedbackInput.checked(request.data)
        given = self.matching(self._judgement())
        changed = feedback.change_feedback(feedback=given, actor=self.actor, replace=True, **wanted)
        return Response(TaughtFeedbackSerializer.show(changed))

    @extend_schema(request=None, responses={204: None})
    @feedback.mapping.delete
    def withdraw_feedback(self, request: Request, pk: str) -> Response:
        """Take the judgement back; what it taught is forgotten."""
        feedback.withdraw_feedback(feedback=self.matching(self._judgement()), actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=EventSerializer(many=True))
    @action(detail=True, url_path="feedback/history")
    def feedback_history(self, request: Request, pk: str) -> Response:
        """List every judgement of the task, oldest first, also those that were replaced or taken back."""
        judgement = TaskFeedback(task=self.get_object())
        return Response({"results": EventSerializer.show_all(Event.objects.about(judgement))})

    def _judgement(self) -> TaskFeedback:
        found = TaskFeedback.objects.filter(task=self.get_object()).first()
        if found is None:
            raise Http404
        return found

    def _judge(self, *, replace: bool, code: int) -> Response:
        wanted = FeedbackInput.checked(self.request.data)
        given = feedback.record_feedback(task=self.get_object(), actor=self.actor, replace=replace, **wanted)
        return Response(TaughtFeedbackSerializer.show(given), status=code)

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
        changed = sync.change_mapping(mapping=self.matching(self._mapping(platform)), actor=self.actor, **changes)
        return Response(MappingSerializer.show(changed))

    @extend_schema(request=None, responses={204: None})
    @change_mapping.mapping.delete
    def remove_mapping(self, request: Request, pk: str, platform: str) -> Response:
        """Cut the tie."""
        sync.delete_mapping(mapping=self.matching(self._mapping(platform)), actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _mapping(self, platform: str) -> ExternalMapping:
        found = ExternalMapping.objects.of_task(self.get_object()).filter(platform=platform).first()
        if found is None:
            raise Http404
        return found
