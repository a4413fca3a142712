"""What Hopper remembers."""

from typing import ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.api.meaning import Alike, SimilarSerializer, nearest
from hopper.common.models import Role
from hopper.common.rest.viewsets import ScopedViewSet
from routing.filters import EpisodeFilter
from routing.models import Episode
from routing.serializers import EpisodeSerializer
from tasks.models import Task


class SimilarEpisodeSerializer(SimilarSerializer, EpisodeSerializer):
    """An episode with how like its task is."""

    class Meta(EpisodeSerializer.Meta):
        fields = ["similarity", *EpisodeSerializer.Meta.fields]
        read_only_fields = fields


class MemoryViewSet(ScopedViewSet):
    """Episodes by what their tasks mean."""

    queryset = Episode.objects.all()
    serializer_class = SimilarEpisodeSerializer
    filterset_class = EpisodeFilter
    pagination_class = Alike
    access: ClassVar = {"similar": Role.VIEWER}

    @extend_schema(responses=SimilarEpisodeSerializer(many=True))
    @action(detail=False, url_path="similar/(?P<pk>[^/]+)")
    def similar(self, request: Request, pk: str) -> Response:
        """List how tasks that mean most nearly the same were routed, and what became of it; nearest first."""
        task = get_object_or_404(Task.objects.for_principal(self.principal), pk=pk)
        others = self.filter_queryset(self.get_queryset()).exclude(task=task)
        return nearest(request, task, others, SimilarEpisodeSerializer, 10)
