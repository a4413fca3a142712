"""What Hopper remembers."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.api.meaning import Alike, SimilarSerializer, nearest
from hopper.api.places import named_instance
from hopper.common.models import Role
from hopper.common.rest.serializers import StrictCharField, StrictSerializer
from hopper.common.rest.viewsets import ScopedViewSet
from routing import operations as routing
from routing.filters import EpisodeFilter
from routing.models import Episode
from routing.serializers import EpisodeSerializer
from tasks.models import Task


class SimilarEpisodeSerializer(SimilarSerializer, EpisodeSerializer):
    """An episode with how like its task is."""

    class Meta(EpisodeSerializer.Meta):
        fields = ["similarity", *EpisodeSerializer.Meta.fields]
        read_only_fields = fields


class CalibrationQuery(StrictSerializer):
    """Whose confidence, and the threshold to try: as a number, or as what a wrong route and a review cost."""

    scope = StrictCharField(required=False, max_length=100, help_text="An instance, with all below it.")
    priority = serializers.ChoiceField(Task.Priority.choices, required=False)
    threshold = serializers.FloatField(required=False, min_value=0, max_value=1)
    wrong = serializers.FloatField(required=False, min_value=0)
    review = serializers.FloatField(required=False, min_value=0)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        costs: dict[str, float] = {name: attrs.pop(name) for name in ("wrong", "review") if name in attrs}
        if not costs:
            return attrs
        if len(costs) == 1 or "threshold" in attrs:
            text = "Send wrong and review together, and no threshold: it follows from them."
            raise serializers.ValidationError({"review": [text]})
        return attrs | {"threshold": routing.threshold_of(**costs)}


class AtThresholdSerializer(serializers.Serializer):
    """What a threshold does: which share of tasks is decided, and which share of those rightly."""

    threshold = serializers.FloatField()
    coverage = serializers.FloatField(allow_null=True)
    accuracy = serializers.FloatField(allow_null=True)


class TenthSerializer(serializers.Serializer):
    """Judged decisions of about the same confidence: how sure Hopper was, and how often it was right."""

    judged = serializers.IntegerField()
    sure = serializers.FloatField()
    right = serializers.FloatField()


class CalibrationSerializer(serializers.Serializer):
    """What the confidence in a scope is worth."""

    scope = serializers.CharField()
    priority = serializers.CharField(allow_null=True)
    judged = serializers.IntegerField()
    accuracy = serializers.FloatField(allow_null=True)
    ece = serializers.FloatField(allow_null=True)
    ece_raw = serializers.FloatField(allow_null=True)
    curve = serializers.DictField(child=serializers.FloatField())
    reliability = TenthSerializer(many=True)
    in_force = AtThresholdSerializer()
    wanted = AtThresholdSerializer(allow_null=True)
    thresholds = AtThresholdSerializer(many=True)
    scopes = serializers.ListField(child=serializers.DictField())
    health = serializers.DictField(required=False)


class MemoryViewSet(ScopedViewSet):
    """Episodes by what their tasks mean."""

    queryset = Episode.objects.all()
    serializer_class = SimilarEpisodeSerializer
    filterset_class = EpisodeFilter
    pagination_class = Alike
    access: ClassVar = {"similar": Role.VIEWER, "calibration": Role.VIEWER}

    @extend_schema(responses=SimilarEpisodeSerializer(many=True))
    @action(detail=False, url_path="similar/(?P<pk>[^/]+)")
    def similar(self, request: Request, pk: str) -> Response:
        """List how tasks that mean most nearly the same were routed, and what became of it; nearest first."""
        task = get_object_or_404(Task.objects.for_principal(self.principal), pk=pk)
        others = self.filter_queryset(self.get_queryset()).exclude(task=task)
        return nearest(request, task, others, SimilarEpisodeSerializer, 10)

    @extend_schema(parameters=[CalibrationQuery], responses=CalibrationSerializer)
    @action(detail=False)
    def calibration(self, request: Request) -> Response:
        """Say what the confidence is worth: health, reliability, and what a threshold, or costs, would do."""
        wanted = CalibrationQuery.checked(request.query_params.dict())
        instance = named_instance(wanted.get("scope"), self.principal, field="scope")
        if instance is None and self.principal.is_limited:
            raise serializers.ValidationError({"scope": ["Name an instance that you may see."]})
        outlook = routing.look_out(scope=instance.pk if instance else routing.HOUSE, priority=wanted.get("priority"))
        found = outlook.as_dict(wanted.get("threshold"))
        if self.principal.is_limited:
            return Response(found | {"scopes": [row for row in found["scopes"] if row["scope"] == instance.pk]})
        return Response(found | {"health": routing.health()})
