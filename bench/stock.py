"""The baseline of bench.http: a stock ModelViewSet over the same table, beside Hopper's own addresses."""

from django.urls import include, path
from rest_framework import pagination, parsers, permissions, renderers, routers, serializers, viewsets
from rest_framework.authentication import BasicAuthentication

from hopper.urls import urlpatterns as own
from tasks.models import Task


class StockSerializer(serializers.ModelSerializer):
    tags = serializers.JSONField(required=False)
    required_capabilities = serializers.JSONField(required=False)

    class Meta:
        model = Task
        fields = "__all__"


class StockPages(pagination.PageNumberPagination):
    page_size = 50


class StockViewSet(viewsets.ModelViewSet):
    queryset = Task.objects.order_by("-created_at")
    serializer_class = StockSerializer
    pagination_class = StockPages
    authentication_classes = [BasicAuthentication]
    permission_classes = [permissions.AllowAny]
    parser_classes = [parsers.JSONParser]
    renderer_classes = [renderers.JSONRenderer]
    filter_backends = []


router = routers.DefaultRouter()
router.register("stock", StockViewSet, basename="stock")
urlpatterns = [*own, path("", include(router.urls))]
