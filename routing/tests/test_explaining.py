import pytest
from django.core.management import CommandError
from django.urls import reverse

from hopper.tests.commands import ask, say
from instances.tests.factories import InstanceFactory
from projects.operations import change_project
from routing.operations import assign_task, explain_task, load_policy, route_task
from routing.policy.calibration import Curve, Gate
from routing.policy.flips import flips
from routing.policy.replay import as_seen, replay
from routing.policy.types import Candidate, TaskView
from routing.tests.factories import activate_rules, make_projects, policy, roster, teach_topics, votes_for
from routing.tests.test_replay import decided
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
LOGIN = votes_for("web", when={"keyword": "login"}, weight=0.9, name="logins")
SSO = votes_for("sark", when={"tag": "sso"}, weight=0.97, name="single sign-on")


def found(task, places, rules):
    _, record = decided(task, places, rules)
    return flips(record, rules, task)


class TestTheSmallestChange:
    def test_is_the_rule_that_the_choice_stands_on(self):
        smallest, *_ = found(TaskView("login"), roster("web", "data"), policy(LOGIN, threshold=0.2))
        assert (smallest.change, smallest.outcome) == ("without the rule 'logins'", "abstained")

    def test_is_a_tag_that_another_place_asks_for(self):
        changes = found(TaskView("login"), roster("web", "sark"), policy(LOGIN, SSO))
        assert ("with the tag 'sso'", "routed", "sark") in [(f.change, f.outcome, f.project) for f in changes]

    def test_is_the_threshold_where_little_is_missing(self):
        smallest, *_ = found(TaskView("login"), roster("web", "data"), policy(LOGIN, threshold=0.95))
        assert (smallest.change, smallest.outcome, smallest.project) == ("with a threshold of 93%", "routed", "web")

    def test_is_a_factor_that_tips_the_scale(self):
        places = roster(Candidate("able", capabilities={"python": 5}), Candidate("new", capabilities={"python": 1}))
        changes = found(TaskView("x", required={"python": 1}), places, policy(threshold=0.4))
        assert "without capability" in [flip.change for flip in changes]

    def test_is_found_by_size(self):
        moved = [
            flip.moved for flip in found(TaskView("login", tags=("sso",)), roster("web", "sark"), policy(LOGIN, SSO))
        ]
        assert moved == sorted(moved)

    def test_really_flips_the_choice(self):
        rules, task = policy(LOGIN, SSO), TaskView("login", tags=("sso",))
        choice, record = decided(task, roster("web", "sark"), rules)
        assert choice.best.project == "sark"
        (flip,) = [f for f in flips(record, rules, task) if f.change == "without the tag 'sso'"]
        again = replay(record, rules, TaskView("login"))
        assert (flip.outcome, flip.project) == (again.outcome, again.best.project) == ("routed", "web")

    def test_is_not_known_for_what_the_requester_decided(self):
        _, record = decided(TaskView("x", project="web"), roster("web"), policy())
        assert flips(record, policy(), as_seen(record, "")) == []


class TestExplaining:
    @pytest.fixture
    def task(self):
        make_projects("web", "sark")
        activate_rules(LOGIN, SSO)
        task = TaskFactory(title="Fix the login")
        route_task(task=task)
        return task

    def test_tells_rules_factors_and_what_would_change_it(self, task):
        told = explain_task(task=task)
        assert (told["outcome"], told["project"], told["decided_by"], told["policy"]) == ("routed", "web", "rules", 1)
        assert told["rules"]["votes"] == {"web": ["logins"]}
        assert told["candidates"][0]["why"] == {"rules": "rule 'logins' votes for it (0.90)"}
        assert told["runner_up"]["project"] == "sark"
        assert told["sentence"].startswith("web 93%: rule 'logins' votes for it (0.90). Next: sark 3%. ")
        assert told["sentence"].endswith(" a person would be asked.")

    def test_keeps_to_the_policy_that_decided(self, task):
        before = explain_task(task=task)
        load_policy(name="house", content=[SSO], actor="ada")
        assert explain_task(task=task) == before

    def test_says_what_would_be_decided_where_nothing_is(self, task):
        told = explain_task(task=TaskFactory(title="login again"))
        assert (told["decided_at"], told["project"]) == (None, "web")

    def test_of_what_is_not_decided_stands_on_what_the_decision_would(self):
        event = {"window": {"starts_at": "2020-01-01T00:00:00+00:00", "ends_at": "2090-01-01T00:00:00+00:00"}}
        fair = InstanceFactory(scope="EVENT", config=event)
        (stall,) = make_projects("stall")
        change_project(project=stall, instance=fair, actor="ada")
        activate_rules(votes_for("stall", when={"keyword": "balloon"}, weight=0.9))
        told = explain_task(task=TaskFactory(title="a balloon"))
        assert (told["outcome"], told["project"], told["removed"]) == ("routed", "stall", {})

    def test_measures_a_change_by_the_share_and_not_by_the_calibrated_confidence(self):
        gate = Gate(curve=Curve(slope=1.0, intercept=1.0))
        places = roster(Candidate("web", gate=gate), Candidate("sark", gate=gate))
        sizes = {flip.change: flip.moved for flip in found(TaskView("login"), places, policy(LOGIN, SSO))}
        plain = {
            flip.change: flip.moved for flip in found(TaskView("login"), roster("web", "sark"), policy(LOGIN, SSO))
        }
        assert sizes["with the tag 'sso'"] == pytest.approx(plain["with the tag 'sso'"])

    def test_tells_what_became_of_the_nearest_episodes(self):
        teach_topics()
        told = explain_task(task=TaskFactory(title="nightly import of invoices fails again"))
        assert told["nearest"][0]["project"] == "data"
        assert told["nearest"][0]["success"] is True

    def test_tells_of_a_decision_that_a_person_made(self):
        (web,) = make_projects("web")
        task = TaskFactory()
        assign_task(task=task, project=web, actor="ada", reason="she knows")
        told = explain_task(task=task)
        assert (told["sentence"], told["flips"]) == ("ada chose web: she knows", [])

    def test_tells_who_could_not_have_it(self):
        make_projects("web", capabilities={"python": 1})
        task = TaskFactory(required_capabilities={"python": 3})
        route_task(task=task)
        told = explain_task(task=task)
        assert told["filtered"] == {"lacks python at level 3": 1}
        assert told["removed"] == {"web": "lacks python at level 3"}

    def test_answers_by_http(self, task, api):
        answer = api("viewer").get(f"/api/v1/tasks/{task.pk}/explain")
        assert answer.status_code == 200
        assert answer.json()["sentence"] == explain_task(task=task)["sentence"]

    def test_answers_on_the_command_line(self, task):
        assert ask("explain", task.pk)["project"] == "web"
        assert "without the rule 'logins' → a person is asked" in say("explain", task.pk)
        with pytest.raises(CommandError, match="There is no task 'nope'"):
            ask("explain", "nope")

    def test_answers_on_the_page_of_the_decision(self, task, admin_client):
        page = admin_client.get(reverse("admin:routing_decision_change", args=[task.pk])).content.decode()
        assert "What would have changed it" in page
        assert "Without the rule &#x27;logins&#x27;" in page
