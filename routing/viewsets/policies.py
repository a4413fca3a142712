"""Policies: lines of versions, what they would change, and what learning proposes for them."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.models import Role
from hopper.common.rest.parsers import StrictJSONParser, YamlParser
from hopper.common.rest.serializers import StrictSerializer
from hopper.common.rest.viewsets import READ_ACCESS, OperatedViewSet, ReadViewSet
from routing import operations
from routing.filters import ProposalFilter
from routing.models import Policy, PolicyVersion, Proposal
from routing.serializers import (
    ActivateInput,
    BacktestInput,
    BacktestSerializer,
    PolicyInput,
    PolicySerializer,
    ProposalSerializer,
    VersionInput,
    VersionSerializer,
)

BY_ADMINISTRATORS = {**READ_ACCESS} | dict.fromkeys(
    ("create", "update", "partial_update", "destroy"), Role.ADMINISTRATOR
)
READS = ("versions", "version", "export", "diff", "backtests", "shadow_report")
CHANGES = ("add_version", "activate", "roll_back", "backtest", "shadow", "unshadow")
NUMBER = "versions/(?P<number>[0-9]{1,9})"
OBJECT = {200: {"type": "object"}}


class PolicyViewSet(OperatedViewSet):
    """What operators wrote down about routing: lines of versions, one in force in the house and at each instance."""

    queryset = Policy.objects.all()
    serializer_class = PolicySerializer
    write_serializer_class = PolicyInput
    also_shows = (VersionSerializer, BacktestSerializer)
    access = BY_ADMINISTRATORS | dict.fromkeys(READS, Role.VIEWER) | dict.fromkeys(CHANGES, Role.ADMINISTRATOR)
    orderings: ClassVar = {"created_at": "created_at", "name": "name"}
    row_name = "policy"
    create_row = staticmethod(operations.create_policy)
    change_row = staticmethod(operations.change_policy)
    delete_row = staticmethod(operations.delete_policy)

    @extend_schema(responses=VersionSerializer(many=True))
    @action(detail=True, parser_classes=[StrictJSONParser, YamlParser])
    def versions(self, request: Request, pk: str) -> Response:
        """List the versions, newest first."""
        rows = self.get_object().versions.order_by("-number")
        return Response({"results": VersionSerializer.show_all(rows)})

    @extend_schema(request=VersionInput, responses={201: VersionSerializer})
    @versions.mapping.post
    def add_version(self, request: Request, pk: str) -> Response:
        """Add a draft: rules, weights and thresholds, or a policy file as `yaml` or as the whole body."""
        wanted = VersionInput.checked(request.data)
        if "yaml" in wanted:
            wanted = operations.read_policy(text=wanted["yaml"])
        version = operations.create_version(policy=self.get_object(), actor=self.actor, **wanted)
        return Response(VersionSerializer.show(version), status=status.HTTP_201_CREATED)

    @extend_schema(responses=VersionSerializer)
    @action(detail=True, url_path=NUMBER)
    def version(self, request: Request, pk: str, number: str) -> Response:
        """Show one version."""
        return Response(VersionSerializer.show(self._version(number)))

    @extend_schema(responses={(200, "application/yaml"): OpenApiTypes.STR})
    @action(detail=True, url_path=f"{NUMBER}/export")
    def export(self, request: Request, pk: str, number: str) -> HttpResponse:
        """Write a version as a policy file, which can be posted again."""
        version = self._version(number)
        name = f"policy-{version.policy_id}-{version.number}.yaml"
        return HttpResponse(
            operations.write_policy(version=version), content_type="application/yaml; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )  # fmt: skip

    @extend_schema(parameters=[OpenApiParameter("against", int)], responses=OBJECT)
    @action(detail=True, url_path=f"{NUMBER}/diff")
    def diff(self, request: Request, pk: str, number: str) -> Response:
        """Show what a version changes: in the one in force at its place, or in that of its policy `against` names."""
        version, against = self._version(number), request.query_params.get("against")
        if against is not None and not (against.isdecimal() and against.isascii() and len(against) < 10):
            raise ValidationError({"against": ["Send the number of a version."]})
        active = PolicyVersion.objects.in_force().at(version.instance_id)
        other = active.first() if against is None else self._version(against)
        changes = operations.compare_versions(version=version, other=other)
        return Response({"version_id": version.pk, "against_id": other.pk if other else None, **changes})

    @extend_schema(request=ActivateInput, responses=VersionSerializer)
    @action(detail=True, methods=["post"], url_path=f"{NUMBER}/activate")
    def activate(self, request: Request, pk: str, number: str) -> Response:
        """Put a version in force; the one before it retires. It needs a backtest, or `force`."""
        wanted = ActivateInput.checked(request.data)
        version = operations.activate_version(version=self._version(number), actor=self.actor, **wanted)
        return Response(VersionSerializer.show(version))

    @extend_schema(request=None, responses=VersionSerializer)
    @action(detail=True, methods=["post"], url_path="rollback")
    def roll_back(self, request: Request, pk: str) -> Response:
        """Put back in force what stood before the version that is."""
        StrictSerializer.checked(request.data)
        version = operations.roll_back(policy=self.get_object(), actor=self.actor)
        return Response(VersionSerializer.show(version))

    @extend_schema(request=BacktestInput, responses={201: BacktestSerializer})
    @action(detail=True, methods=["post"], url_path=f"{NUMBER}/backtest")
    def backtest(self, request: Request, pk: str, number: str) -> Response:
        """Replay stored episodes under a version and under the one in force; nothing else is written."""
        wanted = BacktestInput.checked(request.data)
        made = operations.backtest_version(version=self._version(number), actor=self.actor, **wanted)
        return Response(BacktestSerializer.show(made), status=status.HTTP_201_CREATED)

    @extend_schema(responses=BacktestSerializer(many=True))
    @backtest.mapping.get
    def backtests(self, request: Request, pk: str, number: str) -> Response:
        """List the last reports of a version, newest first."""
        rows = self._version(number).backtests.newest_first()[:20]
        return Response({"results": BacktestSerializer.show_all(rows)})

    @extend_schema(request=None, responses=VersionSerializer)
    @action(detail=True, methods=["post"], url_path=f"{NUMBER}/shadow")
    def shadow(self, request: Request, pk: str, number: str) -> Response:
        """Let a draft decide in silence beside the version in force."""
        StrictSerializer.checked(request.data)
        return Response(VersionSerializer.show(
            operations.start_shadow(version=self._version(number), actor=self.actor)
        ))  # fmt: skip

    @extend_schema(responses=OBJECT)
    @shadow.mapping.get
    def shadow_report(self, request: Request, pk: str, number: str) -> Response:
        """Show by day how often the version in shadow agreed, and what it would have won."""
        return Response(operations.report_shadow(version=self._version(number)))

    @extend_schema(request=None, responses=VersionSerializer)
    @action(detail=True, methods=["post"], url_path=f"{NUMBER}/unshadow")
    def unshadow(self, request: Request, pk: str, number: str) -> Response:
        """Make the version in shadow a draft again."""
        StrictSerializer.checked(request.data)
        return Response(VersionSerializer.show(
            operations.stop_shadow(version=self._version(number), actor=self.actor)
        ))  # fmt: skip

    def _version(self, number: str) -> PolicyVersion:
        """Return a version of the policy that the address names.

        :raises NotFound: if there is none of this number
        """
        rows = PolicyVersion.objects.select_related("policy", "instance")
        version = rows.filter(policy=self.get_object(), number=int(number)).first()
        if version is None:
            raise NotFound(f"This policy has no version {number}.")
        return version


class ProposalViewSet(ReadViewSet):
    """Rules that learned patterns suggest, each with its backtest."""

    queryset = Proposal.objects.all()
    serializer_class = ProposalSerializer
    filterset_class = ProposalFilter
    access = READ_ACCESS | dict.fromkeys(("accept", "dismiss"), Role.ADMINISTRATOR)

    @extend_schema(request=None, responses=ProposalSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: str) -> Response:
        """Write the rule into a draft of the policy in force."""
        return self._settled(operations.accept_proposal)

    @extend_schema(request=None, responses=ProposalSerializer)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: str) -> Response:
        """Leave the rule out, now and later."""
        return self._settled(operations.dismiss_proposal)

    def _settled(self, settle: Any) -> Response:
        StrictSerializer.checked(self.request.data)
        return Response(self.shown(settle(proposal=self.get_object(), actor=self.actor)))
