import json
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from routing.learning.history import History, Told, Trial
from routing.learning.memory import Lesson, Memory
from routing.models import Episode
from routing.operations import assign_task, route_task
from routing.operations.dossier import Dossier
from routing.operations.evidence import evidence_of
from routing.operations.loading import Knowledge, load_knowledge
from routing.policy.replay import as_seen, replay
from routing.policy.types import Candidate, TaskView
from routing.tests.factories import activate_rules, make_projects, policy, roster, teach_topics, votes_for
from tasks.tests.factories import TaskFactory

WORDS = ["login", "invoice", "cluster", "disk", "page"]


def decided(task, places, rules, workload=(), lessons=()):
    """The choice, and its record as the database would give it back."""
    memory = Memory().learn(
        Lesson.of(episode=f"e{n}", text=text, project=project, reliability=1.0)
        for n, (text, project) in enumerate(lessons)
    )
    fared = History().learn(
        Told(f"e{n}", Trial(project, went_well=n % 3 > 0, at=0.0)) for n, (_, project) in enumerate(lessons)
    )
    dossier = Dossier(Knowledge(roster=places, policy=rules, memory=memory, history=fared), dict(workload))
    choice, milliseconds = dossier.decide(task)
    return choice, json.loads(json.dumps(evidence_of(task, choice, dossier, milliseconds)))


def told(choice):
    best = choice.best
    return (choice.outcome, best and best.project, best and best.instance, choice.decided_by, choice.reasoning)


tasks = st.builds(
    TaskView,
    title=st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join),
    priority=st.sampled_from(["low", "urgent"]),
    required=st.dictionaries(st.sampled_from(["python", "sql"]), st.integers(1, 5), max_size=2),
    executor_preference=st.sampled_from([None, "human", "agent"]),
    days_left=st.none() | st.floats(0.1, 9),
    passed_over=st.lists(st.sampled_from(["p1", "p2"]), max_size=1).map(tuple),
)
places = st.lists(
    st.builds(
        Candidate,
        project=st.integers(0, 30).map("p{}".format),
        instance=st.none() | st.just("i"),
        capabilities=st.dictionaries(st.sampled_from(["python", "sql"]), st.integers(1, 5), max_size=2),
        executor_type=st.sampled_from(["human", "agent"]),
        capacity=st.none() | st.integers(0, 3),
        boost=st.just({}) | st.just({"urgent": 3.0}),
        inactive=st.none() | st.none() | st.just("is inactive"),
    ),
    min_size=1, max_size=30, unique_by=lambda place: place.project,
).map(lambda found: roster(*found))  # fmt: skip
rules = st.lists(
    st.builds(
        votes_for,
        st.integers(0, 30).map("p{}".format),
        when=st.sampled_from(WORDS).map(lambda word: {"keyword": word}),
        weight=st.sampled_from([0.2, 0.5, 0.8, 1.0]),
        forbid=st.booleans(),
    ),
    max_size=4,
)
few = st.permutations([Candidate(f"p{n}", capabilities={"python": n % 3 + 1, "sql": 2}) for n in range(6)]).map(
    lambda found: roster(*found)
)
rules_for_few = st.lists(
    st.builds(
        votes_for,
        st.sampled_from([f"p{n}" for n in range(6)]),
        when=st.sampled_from(WORDS).map(lambda word: {"keyword": word}),
        weight=st.sampled_from([0.2, 0.5, 0.8, 1.0]),
        forbid=st.booleans(),
    ),
    max_size=4,
)
lessons = st.lists(st.tuples(st.sampled_from(WORDS), st.integers(0, 30).map("p{}".format)), max_size=5)
weights = st.fixed_dictionaries({"learned": st.sampled_from([0, 0.5, 1.0]), "capability": st.sampled_from([0, 2.0])})


@pytest.mark.untraced
class TestReplayingARecord:
    @given(tasks, places, rules, lessons, weights, st.dictionaries(st.sampled_from(["p1", "p2"]), st.integers(1, 3)),
           st.sampled_from([0.0, 0.3]))  # fmt: skip
    def test_under_its_own_policy_gives_the_same_choice(self, task, places, rules, lessons, weights, workload, explore):
        own = replace(policy(*rules, threshold=0.5, **weights), explore=explore)
        choice, record = decided(task, places, own, workload, lessons)
        for seen in (None, as_seen(record, task.description)):
            again = replay(record, own, seen)
            assert told(again)[:4] == told(choice)[:4]
            assert again.confidence == pytest.approx(choice.confidence)

    @given(tasks, few, rules_for_few, rules_for_few, lessons)
    def test_under_another_gives_what_that_would_have_chosen(self, task, places, before, after, lessons):
        _, record = decided(task, places, policy(*before), lessons=lessons)
        assume("odds" in record)
        live, _ = decided(task, places, policy(*after), lessons=lessons)
        again = replay(record, policy(*after), as_seen(record, task.description))
        assert again.outcome == live.outcome
        assert (again.best and again.best.project) in (live.tied or [None])
        assert again.confidence == pytest.approx(live.confidence, abs=2e-3)

    def test_knows_the_rules_that_matched_when_the_text_is_gone(self):
        own = policy(votes_for("alpha", when={"keyword": "login"}, weight=0.9))
        _, record = decided(TaskView("login"), roster("alpha", "beta"), own)
        assert replay(record, policy()).best.project == "alpha"
        assert not replay(record, policy(), as_seen(record, "")).is_routed

    def test_takes_no_other_text_for_the_one_that_was_seen(self):
        _, record = decided(TaskView("login", "as it was"), roster("alpha"), policy())
        assert as_seen(record, "as it was").description == "as it was"
        assert as_seen(record, "changed since") is None

    def test_takes_nobody_for_a_candidate_who_was_removed_among_many(self):
        gone = [Candidate(f"a{n:03}", inactive="is inactive") for n in range(90)]
        own = policy(votes_for("a080", when={"keyword": "login"}), votes_for("beta", when={"keyword": "login"}))
        choice, record = decided(TaskView("login"), roster(*gone, "beta"), own)
        assert told(replay(record, own))[:4] == told(choice)[:4] == ("routed", "beta", None, "rules")

    def test_gives_a_place_that_was_forbidden_what_was_learned_of_it(self):
        before, after = policy(votes_for("alpha", when={"keyword": "login"}, forbid=True)), policy(history=0)
        places, task, lessons = roster("alpha", "beta"), TaskView("login"), [("login", "alpha")]
        _, record = decided(task, places, before, lessons=lessons)
        live, _ = decided(task, places, after, lessons=lessons)
        assert told(replay(record, after, task))[:2] == told(live)[:2] == ("routed", "alpha")
        assert replay(record, after, task).confidence == pytest.approx(live.confidence, abs=2e-3)

    def test_leaves_as_it_was_what_the_requester_decided(self):
        choice, record = decided(TaskView("x", project="beta"), roster("alpha", "beta"), policy())
        again = replay(record, policy(votes_for("alpha", when={"keyword": "x"}, weight=1)))
        assert told(again)[:4] == told(choice)[:4] == ("routed", "beta", None, "explicit")

    def test_is_not_possible_for_what_was_imported(self):
        assert replay({"imported": True}, policy()) is None


@pytest.mark.django_db
class TestEveryStoredEpisode:
    def test_replayed_under_its_own_policy_version_gives_the_same_choice(self):
        projects = teach_topics()
        make_projects("quiet")
        activate_rules(votes_for("infra", when={"keyword": "disk"}, weight=0.9))
        for title in ("login page error", "invoice import", "the disk is full", "something else", "zzz"):
            route_task(task=TaskFactory(title=title))
        route_task(task=TaskFactory(project=projects["web"]))
        assign_task(task=TaskFactory(), project=projects["data"], actor="ada")

        own, found = load_knowledge().policy, 0
        for episode in Episode.objects.exclude(decision_factors__has_key="imported"):
            again = replay(episode.decision_factors, own)
            best = again.best.project if again.is_routed else None
            assert (best, again.decided_by) == (episode.chosen_project, episode.strategy)
            assert again.confidence == pytest.approx(episode.confidence)
            found += 1
        assert found == 7
