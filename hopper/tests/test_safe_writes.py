"""A write that is sent twice is done once, and a change that was overtaken is refused, at every door."""

import json
from collections import defaultdict

import pytest
from django.db import connection
from django.test import RequestFactory
from django.urls import resolve
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from feedback.operations import record_feedback
from hopper.api import router
from hopper.api.tasks import ComposedTaskViewSet
from hopper.celery import app
from hopper.common.models import ApiKey, IdempotencyKey
from hopper.common.operations import KEPT, purge_idempotency_keys
from hopper.events.models import Delivery
from hopper.tests.refusals import nothing_stored, refused
from hopper.tests.test_roles import DOORS
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Duplicate, Proposal, TaskAdvice
from routing.operations import (
    accept_delegation,
    assign_task,
    cancel_delegation,
    create_pattern,
    create_policy,
    create_version,
    delegate_task,
    load_policy,
)
from routing.operations import route_task as decide
from sync.operations import create_mapping
from tasks.models import Task
from tasks.operations import block_task, claim_task, fail_task
from tasks.tests.factories import TaskFactory

pytestmark = [pytest.mark.django_db, pytest.mark.untraced]
WORD = "zebra"  # in the texts of every body: none may be found where answers are kept


@pytest.fixture
def house(settings):
    """A row for each thing that can be done; returns the ids that Hopper made."""
    root, web = InstanceFactory(id="root", scope="GLOBAL"), ProjectFactory(name="web")
    ProjectFactory(name="empty")
    desk = InstanceFactory(id="desk", parent=root)
    for status in ("created", "active", "paused"):
        InstanceFactory(id=status, scope="PROJECT", status=status, parent=root)
    team = InstanceFactory(id="team", scope="ORCHESTRATION", parent_id="desk")
    for key in ("first", "second", "third"):
        TaskFactory(id=key, routed=True, project=web, instance=desk)
    for key in ("placed", "parked", "gone wrong", "held"):
        TaskFactory(id=key.replace(" ", "-"), routed=True, project=web, instance=desk)
    for key in ("waiting", "spare", "doubt"):
        TaskFactory(id=key)
    assign_task(task=TaskFactory(id="judged"), project=web, actor="ada")
    assign_task(task=TaskFactory(id="poor"), project=web, actor="ada")
    record_feedback(
        task=Task.objects.get(pk="poor"), was_good_match=False, required_skills_not_tagged=[WORD], actor="ada"
    )
    decide(task=Task.objects.get(pk="doubt"))
    block_task(task=Task.objects.get(pk="parked"), actor="ada")
    for key in ("held", "gone-wrong"):
        claim_task(task_id=key, owner="administrator")
    fail_task(task_id="gone-wrong", fence=1, owner=None, actor="ada")
    create_mapping(task=Task.objects.get(pk="judged"), platform="github", external_id="ada/engine#1", actor="ada")
    Duplicate.objects.create(task=TaskFactory(id="twin"), original_id="spare", similarity=1.0, content_hash="")
    policy = create_policy(name="house", actor="ada")
    create_version(policy=policy, actor="ada")
    load_policy(name="ruling", content=[], actor="ada")
    ruling = load_policy(name="ruling", content=[], actor="ada")
    proposal = Proposal.objects.create(rule={"name": "a", "when": {"tag": "a"}, "project": "web"}, rule_hash="a")
    pattern = create_pattern(name="logins", pattern_type="tag", target_project="web", actor="ada")
    hop, offer, taken = (
        delegate_task(task=Task.objects.get(pk=key), target=team, actor="ada") for key in ("first", "second", "third")
    )
    accept_delegation(delegation=taken, actor="ada")
    cancel_delegation(delegation=hop, actor="ada")
    settings.LLM_MODEL = "asked-by-nobody"
    lost = Delivery.objects.order_by("pk").last()
    Delivery.objects.filter(pk=lost.pk).update(status="dead")
    advice = TaskAdvice.objects.create(task_id="waiting", kind="tags", state="proposed", model="m", asked_by="ada")
    return {
        "policy": policy.pk,
        "ruling": ruling.policy_id,
        "proposal": proposal.pk,
        "pattern": pattern.pk,
        "hop": hop.pk,
        "offer": offer.pk,
        "taken": taken.pk,
        "advice": advice.pk,
        "lost": lost.pk,
    }


POSTS = [
    ("/tasks", {"id": "new", "title": WORD}),
    ("/tasks/bulk", {"create": [{"title": WORD}], "update": [{"id": "placed", "owner": WORD}], "delete": ["spare"]}),
    ("/tasks/bulk?partial=true", {"create": [{"title": WORD}, {"title": ""}], "update": [], "delete": ["spare"]}),
    ("/tasks/waiting/route", {}),
    ("/tasks/placed/claim", {"executor": WORD}),
    ("/tasks/claim-next", {"executor": WORD}),
    ("/tasks/placed/decompose", {"subtasks": [{"title": WORD}]}),
    ("/tasks/held/heartbeat", {"fence": 1, "lease_seconds": 50}),
    ("/tasks/held/start", {"fence": 1}),
    ("/tasks/held/complete", {"fence": 1, "result": {"said": WORD}}),
    ("/tasks/held/fail", {"fence": 1, "reason": WORD}),
    ("/tasks/held/release", {"fence": 1, "reason": WORD}),
    ("/tasks/waiting/cancel", {"reason": WORD}),
    ("/tasks/placed/block", {"reason": WORD}),
    ("/tasks/parked/unblock", {}),
    ("/tasks/gone-wrong/retry", {}),
    ("/tasks/twin/duplicate", {"verdict": "dismiss"}),
    ("/tasks/waiting/dependencies", {"depends_on": "placed"}),
    ("/tasks/judged/feedback", {"was_good_match": True, "notes": WORD}),
    ("/tasks/placed/external-mappings", {"platform": "github", "external_id": WORD}),
    ("/projects", {"name": "new", "repository": WORD}),
    ("/projects/register", {"name": "new", "repository": WORD}),
    ("/projects/empty/merge", {"into": "web"}),
    ("/instances", {"name": WORD, "scope": "PERSONAL", "parent_id": "root"}),
    ("/instances/created/start", {}),
    ("/instances/active/pause", {}),
    ("/instances/paused/resume", {}),
    ("/instances/active/drain", {"reason": WORD}),
    ("/instances/created/terminate", {}),
    ("/patterns", {"name": WORD, "pattern_type": "tag", "target_project": "web"}),
    ("/memory/consolidate", {}),
    ("/policies", {"name": WORD}),
    ("/policies/{policy}/versions", {"rules": [{"name": WORD, "when": {"keyword": "a"}, "project": "web"}]}),
    ("/policies/{policy}/versions/1/activate", {"force": True}),
    ("/policies/{policy}/versions/1/backtest", {"newest": 5}),
    ("/policies/{policy}/versions/1/shadow", {}),
    ("/policies/{policy}/versions/1/unshadow", {}),
    ("/policies/{ruling}/rollback", {}),
    ("/proposals/{proposal}/accept", {}),
    ("/proposals/{proposal}/dismiss", {}),
    ("/tasks/placed/delegate", {"target_instance_id": "team", "reason": WORD}),
    ("/delegations/{offer}/accept", {}),
    ("/delegations/{offer}/reject", {"reason": WORD}),
    ("/delegations/{offer}/cancel", {"reason": WORD}),
    ("/delegations/{taken}/complete", {"result": {"said": WORD}}),
    ("/tasks/placed/advice", {"kinds": ["tags"]}),
    ("/tasks/waiting/advice/{advice}", {"verdict": "dismiss"}),
    ("/review/doubt", {"project": "web", "reason": WORD}),
    ("/feedback/retag/accept", {"project": "web", "tag": WORD}),
    ("/feedback/retag/dismiss", {"project": "web", "tag": WORD}),
    ("/deliveries/{lost}/retry", {}),
]  # fmt: skip


def door_of(path):
    """Return `(viewset, action)` that a POST to the path comes to."""
    view = resolve(f"/api/v1{path.partition('?')[0]}").func
    return view.cls, view.actions["post"]


class TestAPostWithAKey:
    @pytest.mark.parametrize(("path", "body"), POSTS, ids=[path for path, _ in POSTS])
    def test_is_done_once_and_answered_alike(self, api, house, path, body):
        client, path = api(), path.format(**house)

        first = client.post(path, once="a", **body)
        with nothing_stored():
            again = client.post(path, once="a", **body)

        assert first.status_code in (200, 201), first.json()
        assert "Idempotent-Replayed" not in first
        assert again["Idempotent-Replayed"] == "true"
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert [again.get(name) for name in ("Location", "ETag")] == [first.get(name) for name in ("Location", "ETag")]
        assert WORD not in json.dumps(IdempotencyKey.objects.get().resource)

    def test_is_tried_at_every_door_that_stores_something(self):
        posts = {
            (view, action) for view, action, method, _ in DOORS if method == "post" and view.only_reads is not True
        }

        assert {door_of(path.format_map(defaultdict(lambda: "a"))) for path, _ in POSTS} == posts

    @pytest.mark.parametrize(("path", "body"), [("/routing/suggest", {"title": "a"}),
                                                ("/tasks/waiting/route?dry_run=true", {})])  # fmt: skip
    def test_keeps_nothing_where_nothing_is_stored(self, api, house, path, body):
        client = api()

        with nothing_stored():
            answers = [client.post(path, once="a", **body) for _ in range(2)]

        assert [answer.json()["outcome"] for answer in answers] == ["abstained", "abstained"]

    def test_shows_the_row_as_it_now_stands(self, api, house):
        client = api()
        made = client.post("/tasks", once="a", title="before").json()
        client.patch(f"/tasks/{made['id']}", title="after")

        again = client.post("/tasks", once="a", title="before")

        assert (again.status_code, again.json()["title"], again.json()["version"]) == (201, "after", 2)

    def test_names_a_row_that_is_gone_or_out_of_sight(self, api, house):
        client = api()
        client.post("/tasks", once="a", id="new", title="a")
        client.delete("/tasks/new")
        limited = api("executor", projects=["web"])
        assert limited.post("/tasks", once="a", id="mine", title="a").json()["title"] == "a"
        assign_task(task=Task.objects.get(pk="mine"), project=ProjectFactory(name="secret"), actor="ada")

        assert client.post("/tasks", once="a", id="new", title="a").json() == {"id": "new"}
        assert limited.post("/tasks", once="a", id="mine", title="a").json() == {"id": "mine"}

    def test_that_claims_keeps_the_fence_of_its_own_lease(self, api, house):
        client = api()
        first = client.post("/tasks/placed/claim", once="a").json()
        client.post("/tasks/placed/release", fence=1)
        client.post("/tasks/placed/claim")

        again = client.post("/tasks/placed/claim", once="a").json()

        assert (again["fence"], again["lease_until"]) == (1, first["lease_until"])
        assert again["task"]["fence"] == 3

    def test_is_refused_when_the_key_came_with_another_request(self, api, house):
        client = api()
        client.post("/tasks", once="a", title="a", tags=["b"])
        others = [
            ("/tasks", {"title": "another", "tags": ["b"]}), ("/tasks?route=false", {"title": "a", "tags": ["b"]}),
            ("/tasks/placed/claim", {}),
        ]  # fmt: skip

        with nothing_stored():
            answers = [client.post(path, once="a", **body) for path, body in others]

        assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(422, "idempotency_key_reused")}
        same = client.raw("post", "/tasks/", b'{"tags": ["b"],   "title": "a"}', idempotency_key="a")
        assert same["Idempotent-Replayed"] == "true"

    def test_leaves_the_key_free_when_it_is_refused(self, api, house):
        client = api()
        with nothing_stored():
            refused(client.post("/tasks", once="a", title=""), 400, "title")
            refused(client.post("/tasks/held/claim", once="a"), 409)

        assert client.post("/tasks", once="a", title="a").status_code == 201

    def test_leaves_the_key_free_when_hopper_breaks(self, api):
        class Broken(ComposedTaskViewSet):
            def create(self, request, **kwargs):
                super().create(request, **kwargs)
                raise ZeroDivisionError

        client = api()
        headers = {"authorization": client.http.defaults["HTTP_AUTHORIZATION"], "idempotency-key": "a"}
        request = RequestFactory().post("/api/v1/tasks", {"title": "a"}, "application/json", headers=headers)

        with nothing_stored():
            assert Broken.as_view({"post": "create"})(request).status_code == 500
        assert "Idempotent-Replayed" not in client.post("/tasks", once="a", title="a")

    @pytest.mark.parametrize("key", ["", "a" * 256, "ä", "a\tb"])
    def test_is_refused_when_the_key_is_none(self, api, key):
        client = api()
        with nothing_stored():
            said = refused(client.post("/tasks", once=key, title="a"), 400, "Idempotency-Key")

        assert "1 to 255 printable" in said

    def test_takes_a_key_of_255_characters(self, api):
        client = api()

        answers = [client.post("/tasks", once="a" * 255, title="a").json() for _ in range(2)]

        assert answers[0] == answers[1]

    def test_is_a_request_of_its_own_for_another_principal(self, api):
        first, second = api(name="same name"), api(name="same name")

        made = {client.post("/tasks", once="a", title="a").json()["id"] for client in (first, second)}

        assert len(made) == 2

    @pytest.mark.django_db(transaction=True)  # the doorbell rings at the commit, before the answer
    def test_is_answered_with_the_routed_task_even_when_the_answer_was_lost(self, api):
        ProjectFactory(name="web")
        client = api()
        client.post("/tasks", once="a", title="a", project="web")  # committed, and the reply never read

        again = client.post("/tasks", once="a", title="a", project="web")

        assert again["Idempotent-Replayed"] == "true"
        assert (again.json()["id"], again.json()["status"]) == (Task.objects.get().pk, "routed")
        assert again["ETag"] == f'"{again.json()["id"]}:2"'


class TestAKey:
    def test_is_forgotten_after_a_day(self, api):
        client = api()
        first = client.post("/tasks", once="a", title="a").json()["id"]

        assert purge_idempotency_keys(now=timezone.now() + KEPT / 2) == 0
        assert client.post("/tasks", once="a", title="a").json()["id"] == first
        assert purge_idempotency_keys(now=timezone.now() + KEPT) == 1
        assert client.post("/tasks", once="a", title="a").json()["id"] != first

    def test_is_purged_by_the_clock(self):
        assert "common.purge_idempotency_keys" in {entry["task"] for entry in app.conf.beat_schedule.values()}


class TestAWriteThatWaitsTooLong:
    """For its twin."""

    @pytest.mark.postgres
    @pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite waits for its timeout of 20 seconds")
    def test_is_told_to_come_again(self, api):
        client = api()
        twin = connection.copy()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '50ms'")
        with twin.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "INSERT INTO idempotency_keys (principal, key, fingerprint) VALUES (%s, 'a', '')",
                [f"key:{ApiKey.objects.get().pk}"],
            )

        with nothing_stored():
            answer = client.post("/tasks", once="a", title="a")
        twin.close()

        assert "under way" in refused(answer, 409)
        assert (answer.json()["code"], answer["Retry-After"]) == ("idempotency_key_in_use", "1")
        assert client.post("/tasks", once="a", title="a").status_code == 201


ROWS = [
    ("/tasks/placed", "placed", {"title": "b"}),
    ("/tasks/judged/feedback", "judged", {"was_good_match": False}),
    ("/tasks/judged/external-mappings/github", "judged/github", {"external_id": "ada/engine#2"}),
    ("/projects/empty", "empty", {"capacity": 3}),
    ("/instances/created", "created", {"description": "b"}),
    ("/patterns/{pattern}", "{pattern}", {"description": "b"}),
    ("/policies/{policy}", "{policy}", {"description": "b"}),
    ("/delegations/{hop}", "{hop}", {"reason": "b"}),
]
DESCRIBED = {"task-list", "task-detail", "task-decision", "task-feedback", "routing-suggest"}
UNVERSIONED = {"put /tasks/unknown/decision", "delete /tasks/unknown/dependencies/unknown"}


@pytest.fixture(params=ROWS, ids=[path for path, _, _ in ROWS])
def row(request, house):
    """Return the path of a row, the name in its ETag, and a change to it."""
    record_feedback(task=Task.objects.get(pk="judged"), was_good_match=True, actor="ada")
    path, name, change = request.param
    return path.format(**house), name.format(**house), change


def change_with(client, path):
    """Return how the row is changed in part: PATCH, or PUT where there is no PATCH."""
    return client.put if path.startswith("/tasks/judged/") else client.patch


class TestAChange:
    """It names the version that it is meant for."""

    def test_needs_if_match_at_every_door_but_two(self, api):
        client = api()
        answers = {
            f"{method} {path}": client.raw(method, path, b"{}", if_match=None)
            for _, _, method, path in DOORS
            if method in ("put", "patch", "delete")
        }

        assert {name for name, answer in answers.items() if answer.status_code != 428} == UNVERSIONED
        assert "Send the ETag" in refused(answers["patch /tasks/unknown"], 428)

    def test_is_made_to_the_version_that_was_read(self, api, row):
        path, name, change = row
        client = api()
        send = change_with(client, path)
        first = send(path, **change)

        assert first["ETag"] == f'"{name}:{first.json()["version"]}"'
        if "external-mappings" not in path:
            assert client.get(path)["ETag"] == first["ETag"]
        again = send(path, if_match=f'W/"x", "other:1" , {first["ETag"]}', **change)
        assert again.status_code == 200
        assert client.delete(path, if_match=again["ETag"]).status_code == 204

    def test_is_refused_when_another_came_first(self, api, row):
        path, name, change = row
        client = api(name="ada")
        send = change_with(client, path)
        now = send(path, **change)["ETag"]
        older = f'"{name}:{int(now.strip(chr(34)).rpartition(":")[2]) - 1}"'

        with nothing_stored():
            answers = [send(path, if_match=older, **change), client.delete(path, if_match=older)]

        for answer in answers:
            assert "was changed meanwhile by ada: read it again" in refused(answer, 412)
            assert (answer["ETag"], answer.json()["code"]) == (now, "stale")
        assert send(path, if_match=now, **change).status_code == 200

    @pytest.mark.parametrize("tags", ['W/"placed:1"', '"placed:2"', '"other:1"', '"placed:1x"', '"placed:01"'])
    def test_is_refused_when_no_tag_is_the_rows(self, api, house, tags):
        version = Task.objects.get(pk="placed").version
        assert refused(api().patch("/tasks/placed", if_match=tags, title="b"), 412)
        assert Task.objects.get(pk="placed").version == version

    @pytest.mark.parametrize("tags", ["placed:1", "", '"placed:1', '"a" "b"', "*, *", "'a'"])
    def test_is_refused_when_if_match_cannot_be_read(self, api, house, tags):
        answer = api().patch("/tasks/placed", if_match=tags, title="b")

        assert "each in quotes" in refused(answer, 400)
        assert answer.json()["code"] == "invalid_if_match"

    def test_of_whatever_is_there_is_for_operators(self, api, house):
        record_feedback(task=Task.objects.get(pk="judged"), was_good_match=True, actor="ada")

        said = refused(api("executor").put("/tasks/judged/feedback", was_good_match=False), 403)

        assert "Only an operator" in said
        assert api("operator").put("/tasks/judged/feedback", was_good_match=False).status_code == 200

    def test_finds_a_row_whose_name_no_header_can_hold(self, api):
        ProjectFactory(name='Über "uns"', slug="uns")
        client = api()
        seen = client.get("/projects/uns")["ETag"]

        assert seen == '"%C3%9Cber%20%22uns%22:1"'
        assert client.patch("/projects/uns", if_match=seen, capacity=3).status_code == 200

    def test_is_still_refused_for_its_own_faults_first(self, api, house):
        refused(api().patch("/tasks/placed", if_match='"placed:0"', title=""), 400, "title")
        refused(api().patch("/tasks/nothing", if_match='"nothing:1"', title="a"), 404)


class TestTheSchema:
    """Of the tasks: what an OpenAPI client learns."""

    def test_documents_the_headers_and_what_they_are_answered_with(self):
        routes = [route for route in router.urls if route.name in DESCRIBED]
        doors = SchemaGenerator(patterns=routes).get_schema(public=True)["paths"].values()
        found = {door["operationId"]: door for methods in doors for door in methods.values()}
        headers = {
            name: {
                one["name"]: one.get("required", False) for one in door.get("parameters", ()) if one["in"] == "header"
            }
            for name, door in found.items()
        }
        answers = {name: {"412", "422", "428"} & door["responses"].keys() for name, door in found.items()}

        once, conditional = ({"Idempotency-Key": False}, {"422"}), ({"If-Match": True}, {"412", "428"})
        assert {name: (headers[name], answers[name]) for name in found if headers[name] or answers[name]} == {
            "tasks_create": once, "tasks_update": conditional, "tasks_partial_update": conditional,
            "tasks_destroy": conditional, "tasks_feedback_create": once, "tasks_feedback_update": conditional,
            "tasks_feedback_destroy": conditional,
        }  # fmt: skip
        assert {"routing_suggest_create", "tasks_decision_update", "tasks_list"} < found.keys()
