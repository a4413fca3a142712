"""Every resource of the API on one screen."""

from rest_framework.routers import SimpleRouter

from feedback.viewsets import FeedbackViewSet
from hopper.api.consolidation import (
    ConsolidationViewSet,
    ProjectMemory,
    RememberedAntiPatterns,
    RememberedPatterns,
)
from hopper.api.graph import GraphViewSet
from hopper.api.instances import ComposedInstanceViewSet
from hopper.api.memory import MemoryViewSet
from hopper.api.projects import ComposedProjectViewSet
from hopper.api.review import ReviewViewSet, SuggestionViewSet
from hopper.api.system import SystemViewSet
from hopper.api.tasks import ComposedTaskViewSet
from hopper.events.viewsets import DeliveryViewSet, EventViewSet
from routing.viewsets import (
    DecisionViewSet,
    DelegationViewSet,
    EpisodeViewSet,
    PatternViewSet,
    PolicyViewSet,
    ProposalViewSet,
)


class Router(SimpleRouter):
    """Addresses with or without a slash at the end."""

    def __init__(self) -> None:
        super().__init__(trailing_slash=False)
        self.trailing_slash = "/?"


router = Router()
router.register("tasks", ComposedTaskViewSet, basename="task")
router.register("projects", ComposedProjectViewSet, basename="project")
router.register("instances", ComposedInstanceViewSet, basename="instance")
router.register("decisions", DecisionViewSet, basename="decision")
router.register("episodes", EpisodeViewSet, basename="episode")
router.register("patterns", PatternViewSet, basename="pattern")
router.register("policies", PolicyViewSet, basename="policy")
router.register("proposals", ProposalViewSet, basename="proposal")
router.register("delegations", DelegationViewSet, basename="delegation")
router.register("feedback", FeedbackViewSet, basename="feedback")
router.register("review", ReviewViewSet, basename="review")
router.register("routing", SuggestionViewSet, basename="routing")
router.register("memory/patterns", RememberedPatterns, basename="memory-pattern")
router.register("memory/anti-patterns", RememberedAntiPatterns, basename="memory-anti-pattern")
router.register("memory/stats", ProjectMemory, basename="memory-stats")
router.register("memory/consolidate", ConsolidationViewSet, basename="consolidation")
router.register("memory", MemoryViewSet, basename="memory")
router.register("graph", GraphViewSet, basename="graph")
router.register("events", EventViewSet, basename="event")
router.register("deliveries", DeliveryViewSet, basename="delivery")
router.register("system", SystemViewSet, basename="system")
