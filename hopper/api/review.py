"""Deciding without storing, and the tasks that wait for a person."""

from typing import Any, ClassVar

from django.db.models import OuterRef, Q, Subquery
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from feedback import operations as feedback
from feedback.serializers import ReviewAnswer
from hopper.api.advice import KnownSerializer, known_of
from hopper.api.meaning import ComposedTaskFilter
from hopper.api.places import named_place
from hopper.api.tasks import DetailedTaskSerializer, suggestion
from hopper.api.telling import ToldTasks
from hopper.common.models import Role
from hopper.common.rest.serializers import StrictFloatField
from hopper.common.rest.viewsets import ScopedViewSet
from routing import operations as routing
from routing.models import Decision, Duplicate
from routing.serializers import DecisionSerializer, SuggestionSerializer
from tasks.models import Task
from tasks.serializers import TaskInput


class AskedSerializer(serializers.Serializer):
    """Who is asked now: an instance until a moment, then the one above it, then a person."""

    instance_id = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    level = serializers.IntegerField()
    levels = serializers.IntegerField()
    until = serializers.DateTimeField(allow_null=True)


class DoubtedTaskSerializer(DetailedTaskSerializer):
    """A task in review, with who is asked about it."""

    asked = AskedSerializer(read_only=True)

    class Meta(DetailedTaskSerializer.Meta):
        fields = [*DetailedTaskSerializer.Meta.fields, "asked"]
        read_only_fields = fields


class DossierSerializer(KnownSerializer):
    """A task in review with all that is known of it."""

    task = DoubtedTaskSerializer()


class SageAnswer(ReviewAnswer):
    """A sage's answer: a project, how sure the sage is, or nothing named, which says that it cannot tell."""

    confidence = StrictFloatField(default=1.0, min_value=0, max_value=1)

    def validate(self, attrs: dict) -> dict:
        if attrs.get("instance"):
            raise ValidationError({"instance": ["A sage names a project."]})
        return attrs


class ReviewViewSet(ToldTasks):
    """Tasks that Hopper was not sure about, each with its top three; answering one teaches."""

    queryset = Task.objects.in_review().with_edges().select_related("decision", "feedback").order_by()
    serializer_class = DoubtedTaskSerializer
    filterset_class = ComposedTaskFilter
    also_shows = (DecisionSerializer,)
    access: ClassVar = {"list": Role.VIEWER, "retrieve": Role.VIEWER, "answer": Role.OPERATOR}
    orderings: ClassVar = {"priority": "priority_rank", "created_at": "created_at"}
    default_ordering = "priority,created_at"

    def get_queryset(self) -> Any:
        hint = Duplicate.objects.filter(task=OuterRef("pk")).shown_to(self.principal)
        return self._seen().annotate(duplicate_of=Subquery(hint))

    def _seen(self) -> Any:
        """Return what the principal may see, and for a key of branches also what those are asked about."""
        if self.principal.projects or not self.principal.instances:
            return super().get_queryset()
        own = Q(pk__in=Task.objects.for_principal(self.principal).values("pk"))
        asked = feedback.asked_of(branches=self.principal.instances)
        return self.queryset.filter(own | Q(pk__in=asked.values("pk")))

    def list(self, request: Request) -> Response:
        """List the tasks that wait for a person, most urgent and oldest first."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        asked = feedback.who_is_asked(tasks=rows)
        for task in rows:
            task.asked = asked[task.pk]
        return self.get_paginated_response(DoubtedTaskSerializer.show_all(map(self.told, rows)))

    @extend_schema(responses=DossierSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Show one of them with all that is known: candidates, factors, filters, near episodes, advisers asked."""
        task = self.get_object()
        task.asked = feedback.who_is_asked(tasks=[task])[task.pk]
        return Response({"task": self.shown(task), **known_of(task, self.principal)})

    @extend_schema(request=SageAnswer, responses=DecisionSerializer)
    def answer(self, request: Request, pk: str) -> Response:
        """Say where the task belongs: it goes there, and Hopper learns from it; a sage's word is weighed instead."""
        is_sage = routing.is_sage(actor=self.actor)
        wanted = (SageAnswer if is_sage else ReviewAnswer).checked(request.data)
        self.queryset = Task.objects.select_related("decision")  # one not in review is refused with its state
        reason, choice = wanted.get("reason", ""), wanted.get("choice")
        place = {} if choice else named_place(wanted, self.principal)
        task = self.get_object()
        if choice:
            place = named_place(feedback.nth_place(task=task, choice=choice), self.principal)
        if is_sage and task.review_required:
            told = {"confidence": wanted["confidence"], "reason": reason}
            routing.answer_as_sage(task=task, project=place.get("project"), actor=self.actor, **told)
            return Response(DecisionSerializer.show(self.told_decision(Decision.objects.get(task=task))))
        made = feedback.answer_review(task=task, actor=self.actor, reason=reason, **place)
        return Response(DecisionSerializer.show(self.told_decision(made)))


class SuggestionViewSet(ScopedViewSet):
    """What Hopper would decide."""

    serializer_class = TaskInput
    access: ClassVar = {"suggest": Role.VIEWER}
    only_reads = True

    @extend_schema(request=TaskInput, responses=SuggestionSerializer)
    @action(detail=False, methods=["post"])
    def suggest(self, request: Request) -> Response:
        """Rank the places a task could go to; nothing is stored."""
        fields = self.seen(TaskInput.checked(request.data))
        fields.pop("depends_on", None)
        task = Task(**{"requester": request.user.get_username(), **fields})
        return Response(suggestion(task, self.principal))
