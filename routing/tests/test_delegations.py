"""Handing a task on through the tree: offers, answers, and what becomes of the hops when the task ends."""

from datetime import timedelta

import pytest
from django.utils import timezone

from hopper.common.errors import Invalid
from hopper.events.models import Event
from hopper.tests.refusals import nothing_stored
from instances.models import Instance
from instances.operations import pause_instance
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing import operations
from routing.models import Delegation
from routing.models.delegation import HopIsOver
from routing.operations import NotDelegated, OfferExpired
from routing.tests.factories import make_hop
from tasks import operations as tasks
from tasks.models import Task
from tasks.operations import LeaseLost
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
ACTOR = {"actor": "ada"}
Status = Delegation.Status


@pytest.fixture
def tree():
    """`top` (GLOBAL) → `web`, `data` (PROJECT) → `run`, `other` (ORCHESTRATION below web)."""
    places = {"top": InstanceFactory(id="top", scope="GLOBAL")}
    for key, scope, parent in (
        ("web", "PROJECT", "top"), ("data", "PROJECT", "top"), ("run", "ORCHESTRATION", "web"),
        ("other", "ORCHESTRATION", "web"),
    ):  # fmt: skip
        places[key] = InstanceFactory(id=key, name=key, scope=scope, parent=places[parent])
    return places


def at(place, key="task", **fields):
    return TaskFactory(id=key, status="routed", instance_id=place, **fields)


def stands(key="task"):
    return Task.objects.get(pk=key)


def hand(task, target=None, **how):
    goal = Instance.objects.get(pk=target) if target else None
    return operations.delegate_task(task=task, target=goal, **ACTOR, **how)


def accept(hop, **how):
    return operations.accept_delegation(delegation=hop, **{**ACTOR, **how})


def reject(hop, **why):
    return operations.reject_delegation(delegation=hop, **ACTOR, **(why or {"reason_code": "busy"}))


def handed(task, *path):
    """Hand the task down the path, accepted at every step; return the hops."""
    return [accept(hand(stands(task.pk), place)) for place in path]


def answers():
    return [(hop.source_instance_id, hop.target_instance_id, hop.status) for hop in Delegation.objects.in_order()]


class TestAnOffer:
    def test_waits_for_its_answer_while_nobody_claims_the_task(self, tree):
        hop = hand(at("web"), "run", reason="it is one run")
        assert (hop.status, hop.source_instance_id, hop.reason) == ("pending", "web", "it is one run")
        assert hop.expires_at - hop.delegated_at == timedelta(seconds=120)
        assert not Task.objects.ready().exists()
        with pytest.raises(tasks.TaskNotClaimable, match="offered to another instance"):
            tasks.claim_task(task_id="task", owner="bob")

    def test_lives_as_long_as_its_target_says(self, tree):
        Instance.objects.filter(pk="web").update(config={"delegation_timeout": 7})
        hop = hand(at("web"), "run")
        assert hop.expires_at - hop.delegated_at == timedelta(seconds=7)

    def test_goes_to_the_best_child_if_none_is_named(self, tree):
        Instance.objects.filter(pk="other").update(config={"capabilities": {"python": 4}})
        Instance.objects.filter(pk="run").update(config={"capabilities": {"rust": 4}})
        assert hand(at("web", required_capabilities={"python": 3})).target_instance_id == "other"
        at("run", key="busy")
        assert hand(at("web", "second")).target_instance_id == "other"

    def test_goes_to_the_best_child_by_hand_where_none_is_made_by_itself(self, tree):
        Instance.objects.filter(pk="web").update(config={"auto_delegate": False})
        first = hand(at("web"))
        assert first.target_instance_id == "other"
        reject(first)
        assert not Delegation.objects.offered().exists()

    @pytest.mark.parametrize(("place", "target", "how", "says"), [
        ("web", "web", {}, "is there already"),
        ("top", "run", {}, "not directly below"),
        ("run", "other", {}, "never delegates"),
        ("web", "data", {"delegation_type": "escalate"}, "not above"),
        ("top", None, {"delegation_type": "escalate"}, "Nothing is above"),
        ("data", None, {}, "No instance below data"),
    ])  # fmt: skip
    def test_keeps_to_the_tree(self, tree, place, target, how, says):
        task = at(place)
        with nothing_stored(), pytest.raises(NotDelegated, match=says):
            hand(task, target, **how)

    def test_is_made_by_the_holder_who_lets_go(self, tree):
        held = tasks.claim_task(task_id=at("web").pk, owner="bob")
        with pytest.raises(NotDelegated, match="claimed"):
            hand(held, "run")
        with pytest.raises(LeaseLost):
            hand(held, "run", fence=held.fence, owner="eve")
        accept(hand(held, "run", fence=held.fence, owner="bob"))
        assert (stands().status, stands().instance_id, stands().attempts) == ("routed", "run", 0)
        with pytest.raises(LeaseLost):
            tasks.complete_task(task_id="task", fence=held.fence, owner="bob", actor="bob")

    def test_is_the_only_one_of_its_source(self, tree):
        hand(at("web"), "run")
        with nothing_stored(), pytest.raises(NotDelegated, match="offered to run already"):
            hand(stands(), "other")

    def test_is_none_to_who_is_full_or_takes_no_work(self, tree):
        Instance.objects.filter(pk="run").update(config={"max_concurrent_tasks": 1})
        hand(at("web", "first"), "run")
        with pytest.raises(NotDelegated, match="all the work"):
            hand(at("web"), "run")
        pause_instance(instance=tree["other"], **ACTOR)
        with pytest.raises(Invalid, match="is paused"):
            hand(stands(), "other")

    def test_never_takes_content_out_of_a_personal_place(self, tree):
        house = InstanceFactory(id="house", scope="PERSONAL", parent=tree["top"], config={"owner": "ada"})
        InstanceFactory(id="diary", scope="ORCHESTRATION", parent=house)
        task = at("house")
        with nothing_stored(), pytest.raises(NotDelegated, match="stays there"):
            hand(task, delegation_type="escalate")
        assert accept(hand(task, "diary")).status == "accepted"
        with pytest.raises(NotDelegated, match="stays there"):
            hand(stands(), "run", delegation_type="reassign")

    def test_needs_a_task_that_is_somewhere(self, tree):
        with pytest.raises(NotDelegated, match="at no instance"):
            hand(TaskFactory(), "web")
        with pytest.raises(NotDelegated, match="is blocked"):
            hand(TaskFactory(status="blocked", instance=tree["web"]), "run")


class TestAccepting:
    def test_takes_the_task_to_the_target(self, tree):
        ProjectFactory(name="crm", instance=tree["data"])
        hop = accept(hand(at("top"), "data"), actor="bob")
        assert (hop.status, hop.accepted_at is not None) == ("accepted", True)
        assert (stands().instance_id, stands().project_id) == ("data", "crm")
        assert tasks.claim_task(task_id="task", owner="bob").fence == 1
        assert [event.type for event in Event.objects.about(hop)] == ["delegation.created", "delegation.accepted"]

    def test_counts_once(self, tree):
        hop = accept(hand(at("web"), "run"))
        with nothing_stored(), pytest.raises(HopIsOver):
            accept(hop)

    def test_comes_too_late_after_the_expiry(self, tree):
        hop = hand(at("web"), "run")
        Delegation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        with nothing_stored(), pytest.raises(OfferExpired):
            accept(hop)

    def test_is_for_the_people_of_a_personal_place(self, tree):
        InstanceFactory(id="house", scope="PERSONAL", parent=tree["top"], config={"owner": "ada"})
        hop = hand(at("top"), "house")
        with nothing_stored(), pytest.raises(NotDelegated, match="Only the people"):
            accept(hop, actor="bob")
        assert accept(hop, actor="ada").status == "accepted"

    def test_is_automatic_where_the_target_says_so_and_goes_on_from_there(self, tree):
        Instance.objects.filter(pk="top").update(config={"auto_accept": True})
        Instance.objects.filter(pk="web").update(config={"max_concurrent_tasks": 0})
        Instance.objects.filter(pk__in=["run", "other"]).update(config={"max_concurrent_tasks": 9})
        Instance.objects.filter(pk="web").update(config={"complexity_threshold": 1})
        hand(at("top", estimated_effort="8h"), "web")
        assert answers() == [("top", "web", "accepted"), ("web", "other", "accepted")]
        assert stands().instance_id == "other"


class TestDeclining:
    def test_needs_a_reason(self, tree):
        hop = hand(at("web"), "run")
        with nothing_stored(), pytest.raises(Invalid, match="busy, not_capable"):
            operations.reject_delegation(delegation=hop, **ACTOR)

    def test_asks_the_next_and_never_the_same_again(self, tree):
        first = hand(at("web"), "run")
        reject(first, reason_code="not_capable", reason="no GPU")
        second = Delegation.objects.offered().get()
        assert second.target_instance_id == "other"
        reject(second, reason="no time")
        assert answers() == [("web", "run", "rejected"), ("web", "other", "rejected")]
        assert Delegation.objects.get(pk=second.pk).reason_code == "other"
        assert Event.objects.about(stands()).last().type == "task.kept"
        assert Task.objects.ready().get().instance_id == "web"
        with pytest.raises(NotDelegated, match="not_capable"):
            hand(stands(), "run")

    def test_by_everybody_below_global_puts_the_task_before_a_person(self, tree):
        task = at("top")
        reject(hand(task, "web"))
        reject(Delegation.objects.offered().get())
        assert (stands().status, stands().review_required, stands().instance_id) == ("pending", True, "top")
        assert "2 were asked" in stands().routing_reasoning

    def test_gives_an_accepted_task_back(self, tree):
        Instance.objects.filter(pk="web").update(config={"auto_delegate": False})
        reject(accept(hand(at("web"), "run")))
        assert (stands().instance_id, stands().status) == ("web", "routed")

    def test_is_refused_to_who_no_longer_has_the_task(self, tree):
        first, _ = handed(at("top"), "web", "run")
        with nothing_stored(), pytest.raises(NotDelegated, match="gone on from web to run"):
            reject(first)
        tasks.claim_task(task_id="task", owner="bob")
        with nothing_stored(), pytest.raises(NotDelegated, match="Somebody holds"):
            reject(Delegation.objects.get(target_instance="run"))


class TestExpiry:
    def settle(self, **change):
        Delegation.objects.offered().update(**(change or {"expires_at": timezone.now() - timedelta(seconds=1)}))
        return operations.settle_delegations()

    def test_asks_the_next_candidate_and_ends_with_the_last(self, tree):
        hand(at("web"), "run")
        assert operations.settle_delegations() == {"expired": 0, "handed_down": 0}
        assert self.settle()["expired"] == 1
        assert self.settle()["expired"] == 1
        assert answers() == [("web", "run", "expired"), ("web", "other", "expired")]
        assert Task.objects.ready().exists()

    def test_comes_at_once_where_the_target_takes_no_work_any_more(self, tree):
        hand(at("web"), "run")
        pause_instance(instance=tree["run"], **ACTOR)
        assert self.settle(reason="as it was")["expired"] == 1
        assert answers()[-1] == ("web", "other", "pending")

    def test_hands_down_what_waits_at_global(self, tree):
        at("top")
        assert operations.settle_delegations()["handed_down"] == 1
        assert answers() == [("top", "data", "pending")]


class TestTakingBack:
    def test_an_offer_leaves_the_task_where_it_is(self, tree):
        operations.cancel_delegation(delegation=hand(at("web"), "run"), **ACTOR)
        assert answers() == [("web", "run", "cancelled")]
        assert Task.objects.ready().exists()

    def test_brings_the_task_home_from_further_down_and_robs_its_holder(self, tree):
        first, _ = handed(at("top"), "web", "run")
        held = tasks.claim_task(task_id="task", owner="bob")
        operations.cancel_delegation(delegation=first, reason="wrong team", **ACTOR)
        assert answers() == [("top", "web", "cancelled"), ("web", "run", "cancelled")]
        assert (stands().instance_id, stands().status) == ("top", "routed")
        with pytest.raises(LeaseLost):
            tasks.heartbeat_task(task_id="task", fence=held.fence, owner="bob")


class TestCompletion:
    def test_closes_each_open_hop_once_and_tells_each_level(self, tree):
        hops = handed(at("top"), "web", "run")
        done = operations.complete_delegation(delegation=hops[-1], result={"url": "x"}, **ACTOR)
        assert (done.status, done.result, stands().status) == ("completed", {"url": "x"}, "completed")
        assert answers() == [("top", "web", "completed"), ("web", "run", "completed")]
        told = Event.objects.filter(type="delegation.completed").order_by("pk")
        assert [event.payload["level"] for event in told] == ["web", "top"]
        with nothing_stored(), pytest.raises(HopIsOver):
            operations.complete_delegation(delegation=hops[0], **ACTOR)

    def test_of_the_task_itself_does_the_same(self, tree):
        handed(at("top"), "web", "run")
        tasks.complete_task(task_id="task", fence=None, owner=None, result=7, **ACTOR)
        assert set(Delegation.objects.values_list("status", "result")) == {("completed", 7)}

    @pytest.mark.parametrize("end", ["fail", "cancel", "expire"])
    def test_that_fails_closes_them_too(self, tree, end, settings):
        handed(at("top", max_attempts=1), "web", "run")
        if end == "cancel":
            tasks.cancel_task(task=stands(), **ACTOR)
        else:
            held = tasks.claim_task(task_id="task", owner="bob")
            if end == "fail":
                tasks.fail_task(task_id="task", fence=held.fence, owner="bob", **ACTOR)
            else:
                Task.objects.update(lease_until=timezone.now() - timedelta(days=1))
                tasks.reap_leases()
        assert {status for _, _, status in answers()} == {"cancelled"}
        told = Event.objects.filter(type="delegation.cancelled").order_by("pk")
        assert [event.payload["level"] for event in told] == ["web", "top"]

    def test_is_for_who_holds_the_task(self, tree):
        hop = accept(hand(at("web"), "run"))
        held = tasks.claim_task(task_id="task", owner="bob")
        with nothing_stored(), pytest.raises(tasks.TaskNotClaimable):
            operations.complete_delegation(delegation=hop, **ACTOR)
        operations.complete_delegation(delegation=hop, fence=held.fence, owner="bob", **ACTOR)
        assert stands().status == "completed"

    def test_of_a_peer_needs_no_claim_here(self, tree):
        InstanceFactory(id="peer", scope="FEDERATED", parent=tree["top"], config={"peer": {"url": "https://b.example"}})
        hop = accept(hand(at("top"), "peer"))
        assert not Task.objects.ready().exists()
        operations.complete_delegation(delegation=hop, result="done there", **ACTOR)
        assert (stands().status, stands().result) == ("completed", "done there")

    def test_says_nothing_of_what_a_personal_place_keeps(self, tree):
        InstanceFactory(id="house", scope="PERSONAL", parent=tree["top"], config={"owner": "ada"})
        hop = accept(hand(at("top"), "house"))
        assert operations.complete_delegation(delegation=hop, result="secret", **ACTOR).result is None

    def test_of_the_last_part_completes_the_whole_and_its_hops(self, tree):
        handed(at("top"), "web")
        parts = operations.split_task(
            task=stands(), parts=[({"title": "a"}, tree["run"]), ({"title": "b"}, tree["other"])], **ACTOR
        )
        for hop in Delegation.objects.offered():
            assert hop.delegation_type == "decompose"
            accept(hop)
        for part in parts:
            assert stands().status == "routed"
            tasks.complete_task(task_id=part.pk, fence=None, owner=None, result=part.title, **ACTOR)
        assert stands().status == "completed"
        assert sorted(stands().result["subtasks"].values()) == ["a", "b"]
        assert {status for _, _, status in answers()} == {"completed"}


class TestPingPong:
    def test_puts_the_task_before_a_person_at_the_instance_above_both(self, tree):
        task = at("web")
        for target in ("data", "web", "data"):
            accept(hand(stands(), target, delegation_type="reassign"))
        assert hand(stands(), "web", delegation_type="reassign") is None
        task = stands()
        assert (task.status, task.review_required, task.instance_id) == ("pending", True, "top")
        assert "2 times" in task.routing_reasoning
        assert not Delegation.objects.open().exists()

    def test_ends_a_chain_of_sixteen_levels(self, tree):
        task = at("web")
        for level in range(16):
            make_hop(task, InstanceFactory(id=f"above-{level}"), tree["web"], status="accepted")
        with nothing_stored(), pytest.raises(NotDelegated, match="16 levels"):
            hand(task, "run")


class TestRouting:
    def test_hands_down_what_arrives_at_global(self, tree):
        operations.assign_task(task=TaskFactory(id="task"), instance=tree["top"], **ACTOR)
        assert answers() == [("top", "data", "pending")]

    def test_hands_down_what_is_too_much_for_a_project(self, tree):
        Instance.objects.filter(pk="web").update(config={"max_concurrent_tasks": 1})
        Instance.objects.filter(pk="run").update(config={"max_concurrent_tasks": 5})
        Instance.objects.filter(pk="other").update(config={"max_concurrent_tasks": 5})
        operations.assign_task(task=TaskFactory(id="task"), instance=tree["web"], **ACTOR)
        assert answers() == [("web", "other", "pending")]

    def test_puts_before_a_person_what_nobody_below_global_takes(self):
        top = InstanceFactory(id="top", scope="GLOBAL")
        operations.assign_task(task=TaskFactory(id="task"), instance=top, **ACTOR)
        assert (stands().status, stands().review_required) == ("pending", True)

    def test_asks_a_scope_whether_it_takes_the_work(self):
        house = InstanceFactory(scope="PERSONAL", config={"owner": "bob"})
        with pytest.raises(Invalid, match="takes work from its owner only"):
            operations.assign_task(task=TaskFactory(), instance=house, **ACTOR)


class TestTheChain:
    def test_is_one_call_with_times_and_holders(self, api, tree):
        operations.assign_task(task=TaskFactory(id="task"), instance=tree["web"], **ACTOR)
        held = tasks.claim_task(task_id="task", owner="bob", executor_type="human")
        accept(hand(stands(), "run", fence=held.fence, owner="bob"))
        tasks.complete_task(task_id="task", fence=None, owner="eve", actor="eve")
        chain = api("viewer").get("/tasks/task/delegations").json()
        assert [hop["status"] for hop in chain["results"]] == ["completed"]
        web, run = chain["stays"]
        assert [web["instance_id"], run["instance_id"], run["hop"]] == ["web", "run", chain["results"][0]["id"]]
        assert web["arrived_at"] < web["left_at"] == run["arrived_at"] < run["left_at"]
        assert [(one["owner"], one["why"]) for one in web["held_by"]] == [("bob", "released")]
        assert [(one["owner"], one["why"]) for one in run["held_by"]] == [("eve", "completed")]


class TestTheDoors:
    def test_lead_a_task_down_and_back_up(self, api, tree):
        at("web")
        client = api("operator")
        made = client.post("/tasks/task/delegate", target_instance_id="run", reason="closer")
        assert (made.status_code, made.json()["status"]) == (201, "pending")
        path = f"/delegations/{made.json()['id']}"
        assert client.get("/delegations?status=pending").json()["results"][0]["id"] == made.json()["id"]
        assert client.post(f"{path}/accept").json()["status"] == "accepted"
        assert client.post(f"{path}/accept").status_code == 409
        done = client.post(f"{path}/complete", result={"ok": True}).json()
        assert (done["status"], done["result"]) == ("completed", {"ok": True})
        assert client.get("/tasks/task").json()["status"] == "completed"
        assert client.delete(path).status_code == 204

    def test_split_a_task_among_instances(self, api, tree):
        at("web")
        answer = api("operator").post(
            "/tasks/task/delegate", delegation_type="decompose", target_instance_id="run",
            subtasks=[{"title": "a"}, {"title": "b", "target_instance_id": "other"}],
        )  # fmt: skip
        assert answer.status_code == 200, answer.json()
        assert answers() == [("web", "run", "pending"), ("web", "other", "pending")]

    @pytest.mark.parametrize(("body", "field"), [
        ({"target_instance_id": "nowhere"}, "target_instance_id"), ({"delegation_type": "throw"}, "delegation_type"),
        ({"delegation_type": "decompose"}, "subtasks"), ({"target": "run"}, "target"),
    ])  # fmt: skip
    def test_name_what_is_wrong(self, api, tree, body, field):
        at("web")
        answer = api("operator").post("/tasks/task/delegate", **body)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])

    def test_ask_an_executor_for_its_fence(self, api, tree):
        at("web")
        assert api("executor").post("/tasks/task/delegate", target_instance_id="run").status_code == 400

    def test_let_a_branch_answer_for_itself_alone(self, api, tree):
        hop = hand(at("web"), "run")
        assert api("operator", instances=["data"]).post(f"/delegations/{hop.pk}/accept").status_code == 404
        there = api("operator", instances=["run"])
        assert there.get("/delegations").json()["results"][0]["id"] == hop.pk
        assert there.post(f"/delegations/{hop.pk}/cancel").status_code == 403
        assert there.post(f"/delegations/{hop.pk}/reject", reason_code="busy").json()["reason_code"] == "busy"

    @pytest.mark.django_db(transaction=True)
    def test_delete_a_hop_that_is_over_in_a_transaction_of_their_own(self, api, tree):
        hop = operations.cancel_delegation(delegation=hand(at("web"), "run"), **ACTOR)
        assert api("operator").delete(f"/delegations/{hop.pk}").status_code == 204
        assert not Delegation.objects.exists()

    def test_keep_an_open_hop_from_being_deleted_or_rewritten(self, api, tree):
        hop = hand(at("web"), "run")
        client = api("operator")
        assert client.delete(f"/delegations/{hop.pk}").status_code == 409
        assert client.patch(f"/delegations/{hop.pk}", status="accepted").status_code == 400
        assert client.patch(f"/delegations/{hop.pk}", reason="b").json()["reason"] == "b"


class TestAProjectThatClaimsAtOnce:
    def test_has_what_is_routed_to_it_within_its_capacity(self):
        project = ProjectFactory(
            name="bot", auto_claim=True, capacity=1, executor_type="agent", executor_config={"executor": "robot"}
        )
        for key in ("first", "second"):
            operations.assign_task(task=TaskFactory(id=key), project=project, **ACTOR)
        assert [(stands(key).status, stands(key).lease_owner) for key in ("first", "second")] == [
            ("claimed", "robot"), ("routed", None),
        ]  # fmt: skip
        assert tasks.claim_for_projects() == 0
        tasks.complete_task(task_id="first", fence=1, owner="robot", actor="robot")
        assert tasks.claim_for_projects() == 1
        assert stands("second").lease_owner == "robot"
