"""Every address of Hopper."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from feedback.pages import confidence, missing_tags, review_queue, settle_advice, settle_duplicate, statistics
from hopper.api import router
from hopper.api.metrics import MetricsViewSet
from hopper.api.review import ReviewViewSet
from hopper.api.system import Health
from hopper.common.rest.problem import not_found
from routing.pages import merge_project, policy_export, policy_import, policy_trial
from sync.pages import what_hangs, what_stops
from tasks.pages import about_to_breach, end_instances

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/review/", admin.site.admin_view(review_queue), name="review-queue"),
    path("admin/confidence/", admin.site.admin_view(confidence), name="confidence"),
    path("admin/said/", admin.site.admin_view(statistics), name="feedback-statistics"),
    path("admin/retag/", admin.site.admin_view(missing_tags), name="retag"),
    path("admin/breaching/", admin.site.admin_view(about_to_breach), name="about-to-breach"),
    path("admin/instances/end/", admin.site.admin_view(end_instances), name="end-instances"),
    path("admin/projects/merge/", admin.site.admin_view(merge_project), name="merge-project"),
    path("admin/policies/import/", admin.site.admin_view(policy_import), name="policy-import"),
    path("admin/policies/<str:key>/", admin.site.admin_view(policy_trial), name="policy-trial"),
    path("admin/policies/<str:key>/export/", admin.site.admin_view(policy_export), name="policy-export"),
    path("admin/duplicate/<str:key>/", admin.site.admin_view(settle_duplicate), name="settle-duplicate"),
    path("admin/advice/<str:key>/", admin.site.admin_view(settle_advice), name="settle-advice"),
    path("admin/away/<str:key>/", admin.site.admin_view(what_stops), name="what-stops"),
    path("admin/hanging/<str:key>/", admin.site.admin_view(what_hangs), name="what-hangs"),
    path("admin/", admin.site.urls),
    re_path(
        r"^api/v1/review/(?P<pk>[^/]+)/?$",
        ReviewViewSet.as_view({"get": "retrieve", "post": "answer"}),
        name="review-answer",
    ),
    path("api/v1/", include(router.urls)),
    path("api/schema/", SpectacularAPIView.as_view(permission_classes=[], authentication_classes=[]), name="schema"),
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", permission_classes=[], authentication_classes=[]),
        name="docs",
    ),
    re_path(r"^api/", not_found),
    path("metrics", MetricsViewSet.as_view({"get": "list"}, schema=None), name="metrics"),
    path("healthz", Health.as_view(checks=[]), name="healthz"),
    path("readyz", Health.as_view(checks=settings.READINESS), name="readyz"),
]
