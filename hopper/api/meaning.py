"""What is like a task, what answers a question, and what may be there twice."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.api.search import find_tasks
from hopper.common.db.rows import read_row
from hopper.common.models import Role
from hopper.common.rest.filters import FlagFilter, check_words
from hopper.common.rest.pagination import BestFirst, page_size
from hopper.common.rest.serializers import LeanSerializer, StrictSerializer
from routing import operations as routing
from routing.models import Duplicate, Pattern, TaskEmbedding
from routing.serializers import PatternSerializer
from tasks.filters import TaskFilter
from tasks.models import Task
from tasks.serializers import TaskSerializer
from tasks.viewsets import TaskViewSet

HINTS = "SELECT COUNT(*) FROM task_duplicates WHERE task_id = %s"


class Alike(BestFirst):
    """The nearest; `waiting` says that the task's own vector is still being built."""

    notes: ClassVar = {"waiting": {"type": "boolean"}}


class Answers(BestFirst):
    """The best answers; `meaning` says whether they were looked for by meaning too."""

    notes: ClassVar = {"meaning": {"type": "string", "enum": ["used", "unavailable"]}}


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


class FoundTaskSerializer(TaskSerializer):
    """A task with how well it answers, and by what it was found; `similarity` where that was its meaning."""

    score = serializers.FloatField()
    found_by = serializers.ListField(child=serializers.ChoiceField(choices=["words", "meaning"]))
    similarity = serializers.FloatField(allow_null=True)

    class Meta(TaskSerializer.Meta):
        fields = ["score", "found_by", "similarity", *TaskSerializer.Meta.fields]
        read_only_fields = fields


class DuplicateSerializer(serializers.Serializer):
    """The earlier task that asks for the same, and what a person said of it."""

    id = serializers.CharField()
    title = serializers.CharField()
    similarity = serializers.FloatField()
    status = serializers.ChoiceField(choices=Duplicate.Status.choices)


class DuplicateVerdict(StrictSerializer):
    """Whether the task is a duplicate."""

    verdict = serializers.ChoiceField(choices=["confirm", "dismiss"])


class ComposedTaskFilter(TaskFilter):
    """What tasks can be narrowed by, whichever app knows it."""

    duplicate = FlagFilter(method="with_hint")

    def with_hint(self, rows: Any, name: str, wanted: bool) -> Any:
        hints = Duplicate.objects.suggested().values("task")
        return rows.filter(pk__in=hints) if wanted else rows.exclude(pk__in=hints)


def nearest(request: Request, task: Task, rows: Any, shown: type[LeanSerializer], count: int) -> Response:
    """Answer with the rows nearest to the task."""
    own = TaskEmbedding.objects.of_task(task)
    count = page_size(request, "limit", count)
    near = rows.nearest_to(own.embedding, model=own.model, count=count) if own else ()
    waiting = own is None and not TaskEmbedding.objects.filter(task=task).exists()  # else it has no words
    return Response({"waiting": waiting, "results": shown.show_all(near)})


class MeaningfulTaskViewSet(TaskViewSet):
    """Tasks by what they mean."""

    filterset_class = ComposedTaskFilter
    access: ClassVar = {
        **TaskViewSet.access, **dict.fromkeys(("search", "similar", "patterns"), Role.VIEWER),
        "settle_duplicate": Role.OPERATOR,
    }  # fmt: skip

    @property
    def parameters(self) -> tuple[str, ...]:
        return ("q",) if self.action == "search" else super().parameters

    @extend_schema(
        parameters=[OpenApiParameter("q", str, required=True, description='words, "a phrase", -without, this or that')],
        responses=FoundTaskSerializer(many=True),
    )
    @action(detail=False, pagination_class=Answers)
    def search(self, request: Request) -> Response:
        """Find tasks by words and by meaning, best first; filters of the list narrow both."""
        text = request.query_params.get("q", "").strip()
        check_words(text, "q")
        if not text:
            raise ValidationError({"q": ["Send the words to look for: /tasks/search?q=login+error."]})
        count = page_size(request, "limit", 20)
        rows = self.filter_queryset(TaskViewSet.get_queryset(self))
        found, by_meaning = find_tasks(rows, text, count=count)
        note = "used" if by_meaning else "unavailable"
        return Response({"meaning": note, "results": FoundTaskSerializer.show_all(found)})

    @extend_schema(responses=SimilarTaskSerializer(many=True))
    @action(detail=True, pagination_class=Alike)
    def similar(self, request: Request, pk: str) -> Response:
        """List the tasks that mean most nearly the same, nearest first; filters of the list narrow them."""
        task = self.get_object()
        others = self.filter_queryset(TaskViewSet.get_queryset(self)).exclude(pk=task.pk)
        return nearest(request, task, others, SimilarTaskSerializer, 10)

    @extend_schema(responses=SimilarPatternSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=Alike)
    def patterns(self, request: Request, pk: str) -> Response:
        """List the patterns in use whose words mean most nearly the same as the task's."""
        known = Pattern.objects.active().for_principal(self.principal)
        return nearest(request, self.get_object(), known, SimilarPatternSerializer, 5)

    @extend_schema(request=DuplicateVerdict)
    @action(detail=True, methods=["post"], url_path="duplicate")
    def settle_duplicate(self, request: Request, pk: str) -> Response:
        """Say whether the task is a duplicate, as suggested: a confirmed one is cancelled, if it still can be."""
        verdict = DuplicateVerdict.checked(request.data)["verdict"]
        task = self.get_object()
        if self.hint_of(task) is None:
            raise routing.NoDuplicate
        routing.settle_duplicate(task=task, is_duplicate=verdict == "confirm", actor=self.actor)
        return Response(self.read(task))

    def hint_of(self, task: Task) -> dict[str, Any] | None:
        """Return which task this one may repeat, if the principal may see that; asked only where there is a hint."""
        if read_row(HINTS, task.pk) == (0,):
            return None
        return Duplicate.objects.filter(task=task).shown_to(self.principal).first()
