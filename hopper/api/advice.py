"""What advisers propose for a task, and all that is known to whoever is to say where it belongs."""

from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.api.meaning import MeaningfulTaskViewSet
from hopper.api.places import projects_seen_by
from hopper.common.models import Role
from hopper.common.rest.principals import Principal
from hopper.common.rest.serializers import StrictSerializer
from routing import operations as routing
from routing.models import AdviserQuestion, TaskAdvice
from routing.serializers import CandidateSerializer, NeighbourSerializer, TaskAdviceSerializer
from tasks.models import Task


class AdviceInput(StrictSerializer):
    """What is to be proposed."""

    kinds = serializers.ListField(child=serializers.ChoiceField(TaskAdvice.Kind.choices), min_length=1, max_length=3)


class AdviceVerdict(StrictSerializer):
    """What becomes of the advice."""

    verdict = serializers.ChoiceField(choices=["accept", "dismiss"])


class AdvisedTaskViewSet(MeaningfulTaskViewSet):
    """Tasks with what advisers propose for them."""

    access: ClassVar = {
        **MeaningfulTaskViewSet.access, "advice": Role.VIEWER, "ask_for_advice": Role.OPERATOR,
        "settle_advice": Role.OPERATOR,
    }  # fmt: skip
    also_shows = (*MeaningfulTaskViewSet.also_shows, TaskAdviceSerializer)

    @extend_schema(responses=TaskAdviceSerializer(many=True))
    @action(detail=True)
    def advice(self, request: Request, pk: str) -> Response:
        """List what was proposed for the task, newest first; nothing of it holds until it is accepted."""
        rows = TaskAdvice.objects.of_task(self.get_object())
        return Response({"results": TaskAdviceSerializer.show_all(rows)})

    @extend_schema(request=AdviceInput, responses={201: TaskAdviceSerializer(many=True)})
    @advice.mapping.post
    def ask_for_advice(self, request: Request, pk: str) -> Response:
        """Ask a language model for tags, an effort or subtasks; look again soon for what it proposes."""
        wanted = AdviceInput.checked(request.data)
        made = routing.ask_for_advice(task=self.get_object(), actor=self.actor, **wanted)
        return Response({"results": TaskAdviceSerializer.show_all(made)}, status=status.HTTP_201_CREATED)

    @extend_schema(operation_id="tasks_advice_settle", request=AdviceVerdict, responses=TaskAdviceSerializer)
    @action(detail=True, methods=["post"], url_path="advice/(?P<key>[^/]+)")
    def settle_advice(self, request: Request, pk: str, key: str) -> Response:
        """Accept the advice, which changes the task as you would, or dismiss it."""
        verdict = AdviceVerdict.checked(request.data)["verdict"]
        found = TaskAdvice.objects.of_task(self.get_object()).filter(pk=key).first()
        if found is None:
            raise Http404
        settled = routing.settle_advice(advice=found, accept=verdict == "accept", actor=self.actor)
        return Response(TaskAdviceSerializer.show(settled))


class QuestionSerializer(serializers.Serializer):
    """A question to an adviser; `reason` is the adviser's own text, and hidden from keys that see a part only."""

    adviser = serializers.ChoiceField(choices=AdviserQuestion.Adviser.choices)
    model = serializers.CharField()
    state = serializers.ChoiceField(choices=AdviserQuestion.State.choices)
    asked_at = serializers.DateTimeField()
    deadline = serializers.DateTimeField()
    choice = serializers.CharField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    reason = serializers.CharField()
    answered_at = serializers.DateTimeField(allow_null=True)


class KnownSerializer(serializers.Serializer):
    """What a decision would stand on now: candidates, why others are out, near episodes, and who was asked."""

    candidates = CandidateSerializer(many=True)
    filtered = serializers.DictField(child=serializers.IntegerField())
    rules = serializers.DictField()
    neighbours = NeighbourSerializer(many=True)
    threshold = serializers.FloatField()
    questions = QuestionSerializer(many=True)


def known_of(task: Task, principal: Principal) -> dict[str, Any]:
    """Return all that is known for a decision about the task, as far as the principal may see it."""
    among = projects_seen_by(principal)
    choice = routing.suggest_for(task=task, among=among)
    asked = list(AdviserQuestion.objects.filter(task=task).order_by("asked_at", "pk").values())
    whole = not principal.is_limited
    return {
        "candidates": [place.as_dict() for place in choice.ranked],
        "filtered": dict(choice.filtered) if whole else {},
        "rules": routing.told_by_project(found=choice.evidence.get("rules", {}), among=among),
        "neighbours": choice.evidence.get("neighbours", []) if whole else [],
        "threshold": choice.threshold,
        "questions": asked if whole else [question | {"choice": None, "reason": ""} for question in asked],
    }  # fmt: skip
