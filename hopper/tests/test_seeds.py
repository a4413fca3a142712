"""`migrate`, then `loaddata seeds`: what a newcomer finds, and that it goes on working."""

from collections import Counter
from datetime import UTC, datetime
from itertools import chain

import pytest
from django.apps import apps
from django.core.management import call_command

from feedback.models import TaskFeedback
from feedback.operations import answer_review, record_feedback
from hopper.events.models import Event
from instances.models import Instance
from projects.models import Project
from routing.models import Decision, Delegation, Episode, EpisodeJudgement, PolicyVersion
from routing.operations import route_waiting
from routing.operations.loading import load_knowledge, view_of_task
from sync.models import ExternalMapping
from sync.operations import create_mapping
from tasks.models import Task
from tasks.operations import add_dependency, change_task, claim_task, complete_task

pytestmark = pytest.mark.untraced
ROWS = {
    "instances.instance": 5, "projects.project": 4, "tasks.task": 14, "tasks.taskdependency": 1, "tasks.taskclaim": 3,
    "routing.policy": 1, "routing.policyversion": 1, "routing.episode": 9, "routing.decision": 9,
    "routing.episodejudgement": 2, "routing.pattern": 4, "routing.delegation": 1, "feedback.taskfeedback": 2,
    "sync.externalmapping": 1,
}  # fmt: skip
WAITING = {
    "cap-parallel-workers": "czarina",
    "report-denied-calls": "sark",
    "describe-diagrams": "lodestar",
    "batch-jobs-evicted": "gridbug",
}
EARLY_NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 15, tzinfo=UTC)


def load_seeds():
    call_command("loaddata", "seeds", verbosity=0)


def count_rows():
    return {label: apps.get_model(label).objects.count() for label in ROWS}


@pytest.fixture
def seeds(db):
    load_seeds()


@pytest.mark.usefixtures("seeds")
class TestTheSeeds:
    """On an empty database."""

    def test_bring_the_tree(self):
        tree = [(row.pk, row.scope, row.tree_depth) for row in Instance.objects.in_tree_order()]

        assert tree == [
            ("global", "GLOBAL", 0),
            ("czarina", "PROJECT", 1),
            ("run-123", "ORCHESTRATION", 2),
            ("sark", "PROJECT", 1),
            ("run-456", "ORCHESTRATION", 2),
        ]
        assert all(row.is_active for row in Instance.objects.all())

    def test_bring_rows_of_every_entity(self):
        assert count_rows() == ROWS

    def test_bring_the_four_projects_with_who_serves_them(self):
        assert dict(Project.objects.values_list("name", "instance")) == {
            "czarina": "czarina", "sark": "sark", "lodestar": "czarina", "gridbug": "sark",
        }  # fmt: skip
        assert Project.objects.get(pk="sark").capabilities == {
            "security": 5, "auth": 4, "mcp": 4, "policy": 4, "python": 4,
        }  # fmt: skip

    def test_bring_one_policy_in_force(self):
        version = PolicyVersion.objects.get(state=PolicyVersion.State.ACTIVE)

        assert version.thresholds == {"confidence": 0.6}
        assert len(load_knowledge().policy.book.rules) == 10

    def test_bring_tasks_in_many_states(self):
        found = Counter(Task.objects.values_list("status", "review_required"))

        assert found == {
            ("pending", False): 4, ("pending", True): 1, ("routed", False): 4, ("blocked", False): 1,
            ("completed", False): 3, ("cancelled", False): 1,
        }  # fmt: skip

    def test_bring_only_rows_that_are_valid(self):
        for row in chain.from_iterable(apps.get_model(label).objects.all() for label in ROWS):
            left_out = [f.name for f in row._meta.concrete_fields if f.null and getattr(row, f.attname) is None]
            row.full_clean(exclude=left_out)

    def test_bring_nothing_that_happened_in_the_log(self):
        assert not Event.objects.exists()


@pytest.mark.usefixtures("seeds")
class TestTheSeededRows:
    """Agree with each other as if operations had written them."""

    def test_place_each_task_where_its_decision_says(self):
        for decision in Decision.objects.select_related("task", "episode"):
            task, episode = decision.task, decision.episode
            assert (task.project_id, task.instance_id) == (decision.project_id, decision.instance_id)
            assert (episode.chosen_project, episode.chosen_instance) == (task.project_id, task.instance_id)
            assert task.routing_confidence == decision.confidence == episode.confidence
            assert task.routing_reasoning == decision.reasoning

    def test_name_the_rules_that_vote_for_them(self):
        book = load_knowledge().policy.book
        found = Episode.objects.exclude(strategy="explicit").select_related("task")

        assert {e.pk: book.judge(view_of_task(e.task)).hits for e in found} == {
            e.pk: e.decision_factors["rules"] for e in found
        }

    def test_rank_alternatives_below_the_choice(self):
        for decision in Decision.objects.exclude(alternatives=[]):
            scores = [place["score"] for place in decision.alternatives]
            assert scores == sorted(scores, reverse=True)
            assert scores[0] <= decision.confidence
            assert all(place["factors"].keys() <= {"rules", "capability", "boost"} for place in decision.alternatives)

    def test_teach_what_the_feedback_says(self):
        taught = EpisodeJudgement.objects.values_list("episode__task", "right_project", "episode__outcome_success")
        said = [
            (f.pk, f.should_have_routed_to or f.task.project_id, f.was_good_match)
            for f in TaskFeedback.objects.select_related("task")
        ]

        assert sorted(taught) == sorted(said)
        assert {good for _, _, good in said} == {True, False}

    def test_show_the_counterpart_on_the_task(self):
        mapping = ExternalMapping.objects.select_related("task").get()

        assert (mapping.platform, mapping.external_id) == ("github", "acme/sark#42")
        task = mapping.task
        assert (task.external_platform, task.external_id) == (mapping.platform, mapping.external_id)
        assert task.external_url == mapping.external_url

    def test_delegate_to_where_the_task_is(self):
        hop = Delegation.objects.select_related("task").get()

        assert (hop.source_instance_id, hop.target_instance_id) == ("global", "sark")
        assert hop.task.instance_id == "sark"

    def test_carry_times_of_early_november(self):
        first, end = EARLY_NOVEMBER
        times = [row.created_at for label in ROWS for row in apps.get_model(label).objects.all()]

        assert first < min(times) <= max(times) < end


@pytest.mark.usefixtures("seeds")
class TestTheSweep:
    """After the seeds, for which no doorbell rang."""

    def test_routes_every_waiting_task_to_its_project(self):
        decided = route_waiting()

        assert decided == len(WAITING)
        assert dict(Task.objects.filter(pk__in=WAITING).values_list("pk", "project")) == WAITING
        assert set(Decision.objects.filter(task__in=WAITING).values_list("outcome", flat=True)) == {"routed"}

    def test_leaves_the_reviewed_task_to_a_person(self):
        route_waiting()

        assert Task.objects.in_review().get().pk == "slow-since-monday"


@pytest.mark.usefixtures("seeds")
class TestLoadingAgain:
    """A second `loaddata seeds`."""

    def test_adds_no_row(self):
        load_seeds()

        assert count_rows() == ROWS

    def test_leaves_other_rows_alone(self):
        mapping = create_mapping(
            task=Task.objects.get(pk="restore-drill"), platform="gitlab", external_id="acme/gridbug#7", actor="ada"
        )

        load_seeds()

        mapping.refresh_from_db()
        assert mapping.external_id == "acme/gridbug#7"

    def test_lets_tasks_that_had_been_routed_be_routed_once_more(self):
        route_waiting()

        load_seeds()

        assert route_waiting() == len(WAITING)
        versions = [event.version for event in Event.objects.filter(aggregate_id="batch-jobs-evicted").order_by("id")]
        assert versions == sorted(set(versions))
        assert len(versions) == 2


@pytest.mark.usefixtures("seeds")
class TestTheNextOperation:
    """On a seeded row."""

    def test_raises_its_version_with_an_event(self):
        task = change_task(task=Task.objects.get(pk="restore-drill"), actor="ada", title="Restore a dump")

        event = Event.objects.get(aggregate_id="restore-drill")
        assert (event.type, event.version, task.version) == ("task.changed", 6, 6)

    def test_claims_and_completes_a_routed_task(self):
        held = claim_task(task_id="deny-unreviewed-servers", owner="ada")

        done = complete_task(task_id=held.pk, fence=held.fence, owner="ada", actor="ada")

        assert done.status == Task.Status.COMPLETED
        assert done.claims.get().why == "completed"

    def test_waits_for_what_the_task_depends_on(self):
        assert "upgrade-notes-2-0" not in Task.objects.ready().values_list("pk", flat=True)

    def test_judges_a_seeded_decision(self):
        record_feedback(task=Task.objects.get(pk="restore-drill"), actor="tomas", was_good_match=True)

        assert EpisodeJudgement.objects.get(pk="restore-drill-1").right_project == "gridbug"

    def test_answers_the_review(self):
        task = Task.objects.get(pk="slow-since-monday")

        decision = answer_review(task=task, project=Project.objects.get(pk="gridbug"), actor="tomas")

        assert (decision.project_id, decision.instance_id) == ("gridbug", "sark")
        assert EpisodeJudgement.objects.get(pk="slow-since-monday-1").right_project == "gridbug"

    def test_gets_keys_of_its_own_beside_rows_without_written_ones(self):
        waits = add_dependency(
            task=Task.objects.get(pk="cap-parallel-workers"), depends_on=Task.objects.get(pk="resume-stopped-run"),
            actor="ada",
        )  # fmt: skip

        assert waits.pk != Task.objects.get(pk="upgrade-notes-2-0").waits_for.get().pk
