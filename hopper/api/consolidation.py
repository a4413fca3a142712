"""What every day's judged episodes add up to: patterns, what each project has shown, and the runs that found it."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.models import Role
from hopper.common.rest.filters import StrictFilterSet
from hopper.common.rest.serializers import LeanSerializer, StrictSerializer
from hopper.common.rest.viewsets import ReadViewSet, ScopedViewSet
from projects.models import Project
from routing import operations
from routing.filters import PatternFilter
from routing.models import ConsolidationRun, Decision, Pattern
from routing.serializers import PatternSerializer

LISTED = 50


class RememberedPatternSerializer(PatternSerializer):
    """A pattern with what each source saw of it."""

    evidence = serializers.SerializerMethodField()

    class Meta(PatternSerializer.Meta):
        fields = [*PatternSerializer.Meta.fields, "evidence"]
        read_only_fields = fields

    def get_evidence(self, row: Pattern) -> list[dict[str, Any]]:
        return [
            {"source": seen.source, "window": seen.window, "successes": seen.successes, "failures": seen.failures}
            for seen in row.evidence.all()
        ]


class RememberedPatterns(ReadViewSet):
    """Patterns in use: what such tasks go to."""

    queryset = Pattern.objects.active().filter(is_anti_pattern=False).prefetch_related("evidence")
    serializer_class = RememberedPatternSerializer
    filterset_class = PatternFilter
    orderings: ClassVar = {"created_at": "created_at", "confidence": "confidence", "name": "name"}
    default_ordering = "-confidence"


class RememberedAntiPatterns(RememberedPatterns):
    """Anti-patterns in use: where such tasks fail."""

    queryset = Pattern.objects.active().filter(is_anti_pattern=True).prefetch_related("evidence")


class RunSerializer(LeanSerializer):
    """A consolidation, and what it found."""

    class Meta:
        model = ConsolidationRun
        fields = ["id", "state", "asked_by", "created_at", "started_at", "finished_at", "counts", "commit", "log"]
        read_only_fields = fields


class RunFilter(StrictFilterSet):
    """What runs can be narrowed by."""

    class Meta:
        model = ConsolidationRun
        fields = ["state"]


class ConsolidationViewSet(ReadViewSet):
    """Consolidations, newest first."""

    queryset = ConsolidationRun.objects.all()
    serializer_class = RunSerializer
    filterset_class = RunFilter
    access: ClassVar = {**ReadViewSet.access, "create": Role.OPERATOR}

    @extend_schema(request=None, responses={201: RunSerializer})
    def create(self, request: Request) -> Response:
        """Ask for a consolidation; a worker or the relay does it within seconds, and asking twice asks for one."""
        StrictSerializer.checked(request.data)
        run = operations.request_consolidation(actor=self.actor)
        return Response(RunSerializer.show(run), status=status.HTTP_201_CREATED)


class ShownSerializer(serializers.Serializer):
    """How often it went well and badly, and how often it goes well at the least."""

    right = serializers.FloatField()
    wrong = serializers.FloatField()
    at_least = serializers.FloatField()


class ProjectMemorySerializer(serializers.Serializer):
    """What is remembered of a project."""

    project = serializers.CharField()
    decisions = serializers.IntegerField()
    judged = serializers.IntegerField()
    accuracy = serializers.FloatField(allow_null=True)
    mean_confidence = serializers.FloatField(allow_null=True)
    claimed = serializers.DictField(child=serializers.IntegerField())
    proven = serializers.DictField(child=ShownSerializer())
    patterns = PatternSerializer(many=True)
    anti_patterns = PatternSerializer(many=True)


class ProjectMemory(ScopedViewSet):
    """What is remembered of each project."""

    queryset = Project.objects.all()
    serializer_class = PatternSerializer
    access: ClassVar = {"retrieve": Role.VIEWER}

    @extend_schema(responses=ProjectMemorySerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Show how decisions for the project turned out, what it has proven, and the surest patterns about it."""
        project = get_object_or_404(self.get_queryset(), pk=pk)
        decided = Decision.objects.filter(project=project).totals()
        about = Pattern.objects.active().filter(target_project=project.pk).order_by("-confidence", "pk")
        return Response({
            "project": project.pk, "decisions": decided["decisions"], "judged": decided["judged"],
            "accuracy": decided["right"] / decided["judged"] if decided["judged"] else None,
            "mean_confidence": decided["mean_confidence"], "claimed": project.capabilities,
            "proven": operations.proven_by(project=project.pk),
            "patterns": PatternSerializer.show_all(about.filter(is_anti_pattern=False)[:LISTED]),
            "anti_patterns": PatternSerializer.show_all(about.filter(is_anti_pattern=True)[:LISTED]),
        })  # fmt: skip
