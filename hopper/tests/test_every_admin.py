"""Every page of the admin, generated over what is registered."""

from datetime import date

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.messages import get_messages
from django.core.management import call_command
from django.urls import reverse

from feedback.operations import dismiss_tag
from hopper.common.admin import OperatedAdmin, ReadOnlyAdmin
from hopper.common.errors import Stale
from hopper.common.keys import create_key
from hopper.common.models import ApiKey, Versioned
from hopper.events.models import Event
from hopper.tests.forms import filled_in, said_by, send
from hopper.tests.refusals import nothing_stored
from routing.models import (
    AdviserQuestion,
    AdviserUsage,
    AttentionWeight,
    Decision,
    EmbeddingUsage,
    Episode,
    LearnedState,
    PolicyVersion,
    Proposal,
    ShadowChoice,
    TaskAdvice,
)
from routing.operations import backtest_version, consolidate, create_policy, create_version, embed_waiting
from sync.models import GraphCheck
from tasks.models import Task, TaskClaim
from tasks.operations import claim_task, escalate_tasks, submit_task

pytestmark = [pytest.mark.django_db, pytest.mark.untraced]
PAGES = sorted(admin.site._registry.items(), key=lambda entry: entry[0]._meta.label)
MODELS = [model for model, _ in PAGES]
READ_ONLY = [model for model, page in PAGES if isinstance(page, ReadOnlyAdmin)]
OPERATED = [model for model, page in PAGES if isinstance(page, OperatedAdmin)]
CHANGED = [model for model in OPERATED if issubclass(model, Versioned)]


def name_of(model):
    return model._meta.label_lower


def page_of(model, view, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


@pytest.fixture
def house(admin_client):
    """The seeds, and a row of everything that they lack; returns a client of a superuser."""
    call_command("loaddata", "seeds", verbosity=0)
    ready = Task.objects.ready().first()
    claim_task(task_id=ready.pk, owner="ada")
    create_key(name="bot")
    create_version(policy=create_policy(name="another", actor="ada"), actor="ada")
    version = PolicyVersion.objects.in_force().get()
    backtest_version(version=version, actor="ada")
    ShadowChoice.objects.create(episode=Episode.objects.first(), policy_version=version, confidence=0.5)
    Proposal.objects.create(rule={"name": "a", "when": {"tag": "a"}, "project": "sark"}, rule_hash="a")
    LearnedState.objects.get_or_create(kind="lexical", number=1, defaults={"arrays": b"", "metrics": {}})
    AttentionWeight.objects.create(factor="linear", weight=1.0)
    EmbeddingUsage.objects.create(day=date(2026, 11, 21), model="text-embedding-3-small/1536")
    AdviserUsage.objects.create(day=date(2026, 11, 21), model="gpt-4o-mini")
    AdviserQuestion.objects.create(
        task=ready, adviser="llm", model="gpt-4o-mini", about="a", dossier="d", asked_at=ready.created_at,
        deadline=ready.created_at,
    )  # fmt: skip
    TaskAdvice.objects.create(
        task=ready, kind="tags", state="proposed", content={"tags": ["a"]}, model="m", asked_by="b"
    )
    Group.objects.create(name="operators")
    consolidate()
    for _ in range(2):
        submit_task(title="Draw the map", actor="ada")
    escalate_tasks()
    dismiss_tag(project="", tag="urgent", actor="ada")
    GraphCheck.objects.create(found=1, left=0, skipped=0, seconds=0.1, differences={"missing node": 1})
    embed_waiting()  # the second repeats the first
    return admin_client


def change_page(model):
    row = model._default_manager.order_by("-pk").first()
    assert row is not None, f"no {name_of(model)} to look at"
    return page_of(model, "change", admin.utils.quote(row.pk))


def statuses(ask, models=MODELS):
    """Return what every page answers: `{model: status}`."""
    return {name_of(model): ask(model).status_code for model in models}


def all_answer(status, models=MODELS):
    return {name_of(model): status for model in models}


def unless_read_only(status):
    return {**all_answer(status), **all_answer(403, READ_ONLY)}


class TestEveryPage:
    """A superuser can open it, and nothing on it breaks."""

    def test_lists_rows(self, house):
        pages = {model: house.get(page_of(model, "changelist")) for model in MODELS}

        assert {name_of(model): page.status_code for model, page in pages.items()} == all_answer(200)
        for model, page in pages.items():
            assert page.context["cl"].result_count == model._default_manager.count() > 0, model

    @pytest.mark.parametrize("words", ["a", "\x00100%'; DROP TABLE tasks; --" + "x" * 1000])
    def test_searches_rows(self, house, words):
        assert statuses(lambda model: house.get(page_of(model, "changelist"), {"q": words})) == all_answer(200)

    def test_adds_a_row_unless_it_is_read_only(self, house):
        assert statuses(lambda model: house.get(page_of(model, "add"))) == unless_read_only(200)

    def test_shows_a_row(self, house):
        assert statuses(lambda model: house.get(change_page(model))) == all_answer(200)

    def test_deletes_a_row_unless_it_is_read_only(self, house):
        pages = statuses(lambda model: house.get(change_page(model).replace("/change/", "/delete/")))

        assert pages == unless_read_only(200)

    def test_shows_the_history_of_a_row(self, house):
        pages = statuses(lambda model: house.get(change_page(model).replace("/change/", "/history/")))

        assert pages == all_answer(200)

    @pytest.mark.parametrize("key", ["nothing", "_00", "99999999999999999999999999"])
    def test_says_when_there_is_no_such_row(self, admin_client, key):
        pages = {model: admin_client.get(page_of(model, "change", key)) for model in MODELS}

        assert {name_of(model): page.status_code for model, page in pages.items()} == all_answer(302)
        for model, page in pages.items():
            assert "doesn’t exist" in str(list(get_messages(page.wsgi_request))[-1]), model

    def test_is_closed_to_who_has_not_signed_in(self, client):
        assert statuses(lambda model: client.get(page_of(model, "changelist"))) == all_answer(302)


class TestEveryForm:
    """What is sent back unchanged changes nothing; what is sent empty is refused."""

    def test_sent_back_unchanged_changes_nothing(self, house):
        for model in OPERATED:
            before = list(model._default_manager.order_by("pk").values())
            events = Event.objects.count()

            answer = send(house, change_page(model))

            assert answer.status_code == 302, (model, said_by(answer))
            assert list(model._default_manager.order_by("pk").values()) == before, model
            assert Event.objects.count() == events, model

    def test_names_the_version_that_it_shows_and_changes_no_other(self, house):
        for model in CHANGED:
            row = model._default_manager.order_by("-pk").first()
            assert filled_in(house.get(change_page(model)))["seen_version"] == str(row.version), model

            row.wanted_versions = (row.version - 1,)
            with pytest.raises(Stale, match="changed meanwhile"):
                admin.site._registry[model].change_row(row, actor="ada")

    def test_sent_after_another_was_saved_is_refused_and_keeps_what_was_typed(self, house):
        page = change_page(Task)
        mine, theirs = (filled_in(house.get(page), title=title) for title in ("Draw my map", "Draw their map"))
        house.post(page, theirs)

        with nothing_stored():
            answer = house.post(page, mine)

        assert "Draw their map was changed meanwhile by admin: read it again" in said_by(answer)
        assert "Draw my map" in answer.content.decode()
        assert send(house, page, title="Draw our map").status_code == 302
        assert Task.objects.filter(title="Draw our map").exists()

    def test_sent_empty_is_refused_in_its_place(self, admin_client):
        for model in OPERATED:
            with nothing_stored():
                answer = admin_client.post(page_of(model, "add"), {})

            assert answer.status_code == 200, model
            assert answer.context["adminform"].form.errors, model


class TestTheRegister:
    """What can be written and what can only be looked at."""

    def test_only_shows_what_hopper_itself_writes(self):
        assert set(READ_ONLY) >= {Decision, Episode, Event, TaskClaim}

    def test_writes_everything_else_by_operations(self):
        assert {model for model, _ in PAGES} - set(READ_ONLY) - set(OPERATED) == {User, Group}

    def test_refuses_a_write_by_hand(self, house):
        for model in READ_ONLY:
            page = change_page(model)
            with nothing_stored():
                assert house.post(page, {}).status_code == 403
                assert house.post(page.replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
                assert house.post(page_of(model, "add"), {}).status_code == 403


class TestKeys:
    """A key is shown once, right after it was made."""

    def test_are_shown_once(self, admin_client):
        page = page_of(ApiKey, "add")

        answer = send(admin_client, page, name="the bot", role="executor")
        shown = admin_client.get(answer["Location"]).content.decode()

        key = ApiKey.objects.get()
        assert (key.name, key.role, key.owner) == ("the bot", "executor", "admin")
        assert f"hop_{key.prefix}." in shown
        assert f"hop_{key.prefix}." not in admin_client.get(answer["Location"]).content.decode()

    def test_keep_what_was_typed_when_refused(self, admin_client):
        with nothing_stored():
            answer = send(admin_client, page_of(ApiKey, "add"), name="the bot", networks="here")

        assert "is no network" in said_by(answer)
        assert "the bot" in answer.content.decode()

    def test_are_revoked_from_the_list(self, admin_client):
        key, _ = create_key(name="the bot")

        admin_client.post(page_of(ApiKey, "changelist"), {"action": "revoke", "_selected_action": [key.pk]})

        key.refresh_from_db()
        assert key.revoked_at
