"""Policies of instances: the nearest one upwards decides about what is filed at an instance."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from hopper.common.errors import Invalid
from hopper.tests.commands import ask
from instances.operations import pause_instance
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Episode, Policy, PolicyVersion, ShadowChoice
from routing.operations import (
    activate_version,
    backtest_version,
    change_policy,
    create_version,
    load_policy,
    loading,
    roll_back,
    route_task,
    start_shadow,
    suggest_for,
)
from routing.policy.replay import replay
from routing.tests.factories import activate_rules, make_projects, votes_for
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


def logins(project, **more):
    return votes_for(project, when={"keyword": "login"}, weight=0.9, **more)


def put_in_force(instance, *rules, name=None):
    """Put rules in force at the instance."""
    return load_policy(name=name or f"of {instance.name}", content=list(rules), instance=instance, actor="ada")


@pytest.fixture
def tree():
    """A top with two departments, one of which has a team; each serves a project, and the house one more."""
    top = InstanceFactory(id="top")
    shop, bank = (InstanceFactory(id=key, parent=top) for key in ("shop", "bank"))
    team = InstanceFactory(id="team", parent=shop, scope="ORCHESTRATION")
    for name, seat in (("till", shop), ("cart", team), ("loans", bank)):
        ProjectFactory(name=name, instance=seat)
    make_projects("web")
    activate_rules(logins("web"))
    return {"top": top, "shop": shop, "bank": bank, "team": team}


def place_of(instance, title="login"):
    decision = route_task(task=TaskFactory(title=title, instance=instance))
    return decision.project_id, decision.instance_id, decision.policy_version


class TestThePolicyOfAnInstance:
    def test_decides_there_and_below_and_the_house_everywhere_else(self, tree):
        shop = put_in_force(tree["shop"], logins("cart"))
        assert place_of(tree["shop"]) == ("cart", "team", shop)
        assert place_of(tree["team"]) == ("cart", "team", shop)
        assert place_of(tree["bank"])[:2] == (None, "bank")
        assert place_of(None)[0] == "web"

    def test_gives_way_to_a_nearer_one(self, tree):
        put_in_force(tree["top"], logins("loans"))
        shop = put_in_force(tree["shop"], logins("till"))
        assert place_of(tree["shop"]) == ("till", "shop", shop)
        assert place_of(tree["bank"])[0] == "loans"

    def test_sends_a_task_to_no_place_outside_of_where_it_was_filed(self, tree):
        put_in_force(tree["top"], logins("loans"), votes_for("till", when={"keyword": "login"}, weight=0.4))
        choice = suggest_for(task=Task(title="login", instance=tree["shop"]))
        assert {place.project for place in choice.ranked} == {"till", "cart"}
        assert choice.filtered == {"is served elsewhere than where it was filed": 2}

    def test_leaves_a_task_where_it_was_filed_if_nothing_there_or_below_serves_a_project(self, tree):
        empty = InstanceFactory(id="empty", parent=tree["shop"])
        put_in_force(tree["shop"], logins("till"))
        decision = route_task(task=TaskFactory(title="login", instance=empty))
        assert (decision.project, decision.instance, decision.decided_by) == (None, empty, "explicit")

    def test_asks_a_person_there_where_it_is_not_sure(self, tree):
        put_in_force(tree["shop"], logins("till"))
        task = TaskFactory(title="something else", instance=tree["shop"])
        assert route_task(task=task).outcome == "abstained"
        task.refresh_from_db()
        assert (task.review_required, task.instance) == (True, tree["shop"])

    def test_opens_no_closed_instance(self, tree):
        put_in_force(tree["shop"], logins("till"))
        pause_instance(instance=tree["shop"], actor="ada")
        choice = suggest_for(task=Task(title="login", instance=tree["shop"]))
        assert (choice.outcome, "is paused" in choice.reasoning) == ("abstained", True)

    def test_makes_its_decisions_again_from_their_records(self, tree):
        put_in_force(tree["shop"], logins("cart"))
        place_of(tree["shop"])
        place_of(tree["team"], title="something else")
        own = loading.load_knowledge().at("shop").policy
        for episode in Episode.objects.all():
            again = replay(episode.decision_factors, own)
            assert (again.best.project if again.is_routed else None) == episode.chosen_project
            assert again.confidence == pytest.approx(episode.confidence)

    def test_costs_no_question_more(self, tree):
        for name in ("top", "shop", "bank", "team"):
            put_in_force(tree[name], logins("till"))
        suggest_for(task=Task(title="warm", instance=tree["team"]))
        with CaptureQueriesContext(connection) as seen:
            suggest_for(task=Task(title="login", instance=tree["team"]))
        assert len(seen) == 2


class TestTheLifeOfItsVersions:
    def test_is_its_own(self, tree):
        house = PolicyVersion.objects.get(state="active")
        shop = put_in_force(tree["shop"], logins("till"))
        bank = put_in_force(tree["bank"], logins("loans"))
        second = put_in_force(tree["shop"], logins("cart"))
        assert set(PolicyVersion.objects.in_force()) == {house, bank, second}
        assert roll_back(policy=shop.policy, actor="ada") == shop
        assert set(PolicyVersion.objects.in_force()) == {house, bank, shop}
        assert place_of(tree["shop"])[0] == "till"

    def test_needs_a_backtest_where_something_is_in_force_there(self, tree):
        draft = create_version(
            policy=load_policy(name="shop", content=[], instance=tree["shop"], actor="ada", activate=False).policy,
            rules=[logins("till")], actor="ada",
        )  # fmt: skip
        assert activate_version(version=draft, actor="ada").state == "active"

    @pytest.mark.parametrize("state", ["active", "shadow"])
    def test_is_held_by_the_database(self, tree, state):
        policies = [Policy.objects.create(name=name, instance=tree["shop"]) for name in ("one", "two")]
        stamps = {"activated_at" if state == "active" else "shadowed_at": "2026-01-01T00:00:00Z", "state": state}
        make = PolicyVersion.objects.create
        make(policy=policies[0], instance=tree["shop"], number=1, **stamps)
        with pytest.raises(IntegrityError, match=r"version_an_instance|instance_id"), transaction.atomic():
            make(policy=policies[1], instance=tree["shop"], number=1, **stamps)
        other = Policy.objects.create(name="three", instance=tree["bank"])
        assert make(policy=other, instance=tree["bank"], number=1, **stamps).pk

    def test_stays_where_it_began(self, tree):
        version = put_in_force(tree["shop"], logins("till"))
        with pytest.raises(Invalid, match="stays where it is"):
            change_policy(policy=version.policy, instance=tree["bank"], actor="ada")
        with pytest.raises(Invalid, match="is that of Instance"):
            load_policy(name=version.policy.name, content=[], instance=tree["bank"], actor="ada")

    def test_has_a_shadow_of_its_own(self, tree, run_jobs):
        house = PolicyVersion.objects.get(state="active")
        shop = put_in_force(tree["shop"], logins("till"))
        beside_house = start_shadow(version=create_version(policy=house.policy, actor="ada"), actor="ada")
        draft = create_version(policy=shop.policy, rules=[logins("cart")], actor="ada")
        beside_shop = start_shadow(version=draft, actor="ada")
        assert set(PolicyVersion.objects.in_shadow()) == {beside_house, beside_shop}
        run_jobs(route_task, task=TaskFactory(title="login", instance=tree["shop"]))
        run_jobs(route_task, task=TaskFactory(title="login"))
        kept = dict(ShadowChoice.objects.values_list("policy_version", "project"))
        assert kept == {beside_shop.pk: "cart", beside_house.pk: None}

    def test_is_backtested_on_what_was_decided_there(self, tree):
        shop = put_in_force(tree["shop"], logins("till"))
        for instance in (tree["shop"], tree["team"], None, None, None):
            place_of(instance)
        draft = create_version(policy=shop.policy, rules=[logins("cart")], actor="ada")
        report = backtest_version(version=draft, actor="ada").report
        moves = [(move["from"], move["to"], move["count"]) for move in report["moves"]]
        assert (report["decisions"], sorted(moves, key=str)) == (2, [("till", "cart", 1), (None, "cart", 1)])
        house = PolicyVersion.objects.in_force().at(None).get()
        assert backtest_version(version=house, actor="ada").report["decisions"] == 3


class TestItsDoors:
    def test_are_in_the_api(self, tree, api):
        client = api()
        policy = client.post("/policies", name="shop", instance_id="shop").json()
        assert policy["instance_id"] == "shop"
        draft = client.post(f"/policies/{policy['id']}/versions", rules=[logins("till")]).json()
        assert draft["instance_id"] == "shop"
        assert client.get(f"/policies/{policy['id']}/versions/1/diff").json()["against_id"] is None
        client.post(f"/policies/{policy['id']}/versions/1/activate")
        assert client.post("/routing/suggest", title="login", instance="shop").json()["candidates"][0]["project"] == (
            "till"
        )

    def test_are_on_the_command_line(self, tree, tmp_path):
        file = tmp_path / "shop.yaml"
        file.write_text("rules:\n  - {name: logins, when: {keyword: login}, project: till, weight: 0.9}\n")
        loaded = ask("policy", "load", str(file), "--instance", "shop")
        assert (loaded["instance"], loaded["state"]) == ("shop", "active")
        assert "of Instance" in ask("policy", "export", "--policy", "shop")["yaml"].splitlines()[0]
        assert ask("policy", "show")["instance"] is None

    def test_are_in_the_admin(self, tree, admin_client):
        given = {"name": "shop", "text": "rules: []", "instance": "shop"}
        page = admin_client.post(reverse("policy-import"), given, follow=True).content.decode()
        assert f"Decides for {tree['shop']}." in page
        page = admin_client.post(reverse("policy-import"), given | {"instance": "nowhere"}).content.decode()
        assert "There is no instance" in page
