"""The pages about policies: what a version changes, how it would do, and files in and out."""

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from routing.models import PolicyVersion, Proposal
from routing.operations import create_pattern, create_version, propose_rules, route_task
from routing.tests.factories import activate_rules, make_projects, votes_for
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
FILE = "rules:\n  - {name: imports, when: {keyword: import}, project: data}\n"


@pytest.fixture
def draft(run_jobs):
    """A draft beside a version in force that has decided something."""
    make_projects("web", "data")
    active = activate_rules(votes_for("web", when={"keyword": "login"}, weight=0.9, name="logins"))
    route_task(task=TaskFactory(title="login"))
    rules = [votes_for("data", when={"keyword": "login"}, weight=0.9, name="logins")]
    return create_version(policy=active.policy, rules=rules, weights={"workload": 0}, actor="ada")


@pytest.fixture
def office(admin_client, draft):
    """Open the page of a version and press its buttons."""

    class Office:
        client, page = admin_client, reverse("policy-trial", args=[draft.pk])

        def look(self):
            return admin_client.get(self.page).content.decode()

        def press(self, verb, **more):
            return admin_client.post(self.page, {"verb": verb, **more}, follow=True).content.decode()

    return Office()


def somebody(client, *permissions):
    """Sign somebody in who may do just this."""
    user = User.objects.create_user("bob", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


class TestThePageOfAVersion:
    def test_leads_from_the_changes_over_the_backtest_to_force_and_back(self, office, draft):
        assert "project: <code>web</code> → <code>data</code>" in office.look()
        assert "Weight of workload" in office.look()
        assert "has not been backtested" in office.press("activate")
        assert "1 decision made again by admin" in office.press("backtest")
        assert "it decides by the same" not in office.press("activate")
        assert PolicyVersion.objects.in_force().get() == draft
        office.press("rollback")
        assert PolicyVersion.objects.in_force().get().number == 1

    def test_puts_in_shadow_and_shows_how_it_does(self, office, run_jobs):
        assert "Take out of the shadow" in office.press("shadow")
        run_jobs(route_task, task=TaskFactory(title="login again"))
        assert "in silence beside what is in force" in office.look()
        assert "Put in shadow" in office.press("unshadow")

    def test_lets_an_administrator_go_without_a_backtest(self, office, draft):
        office.press("activate", force="on")
        assert PolicyVersion.objects.in_force().get() == draft

    def test_lets_nobody_else_force_or_change_anything(self, office, draft, client):
        somebody(client, "change_policyversion", "view_policyversion")
        client.post(office.page, {"verb": "activate", "force": "on"})
        User.objects.get(username="bob").user_permissions.remove(
            Permission.objects.get(codename="change_policyversion")
        )
        client.post(office.page, {"verb": "backtest"})
        assert '<button name="verb"' not in client.get(office.page).content.decode()
        draft.refresh_from_db()
        assert (draft.state, draft.backtests.count()) == ("draft", 0)

    def test_is_closed_to_who_may_not_see_versions(self, office, client):
        assert somebody(client).get(office.page).status_code == 302

    def test_hides_the_titles_of_tasks_that_are_not_the_readers_to_see(self, office, draft):
        office.press("backtest")
        report = draft.backtests.get()
        report.report["examples"][0]["task_id"] = "of-somebody"
        report.save()
        assert "not yours to see" in office.look()


class TestFiles:
    def test_are_imported_as_a_draft_from_text_or_upload(self, office):
        address = reverse("policy-import")
        for form in ({"text": FILE}, {"file": SimpleUploadedFile("a.yaml", FILE.encode())}):
            answer = office.client.post(address, {"name": "house", **form}, follow=True)
            assert "What it changes" in answer.content.decode()
        assert [v.state for v in PolicyVersion.objects.order_by("number")] == ["active", "draft", "draft", "draft"]

    @pytest.mark.parametrize(
        ("form", "sentence"),
        [
            ({"text": FILE.replace("data", "nowhere")}, "Line 2, column 46: Rule 1 (imports): There is no project"),
            ({"file": SimpleUploadedFile("a.yaml", b"\xff")}, "The file is not UTF-8"),
            ({"text": FILE, "name": ""}, "This field cannot be blank"),
        ],
    )
    def test_that_are_wrong_are_shown_again_with_their_faults(self, office, form, sentence):
        answer = office.client.post(reverse("policy-import"), {"name": "house", **form})
        assert (answer.status_code, sentence in answer.content.decode()) == (400, True)
        assert form.get("text", "") in answer.context["typed"]

    def test_are_exported(self, office, draft):
        file = office.client.get(reverse("policy-export", args=[draft.pk]))
        assert file.content.decode().startswith("# house, version 2, draft\nrules:\n- name: logins\n")


class TestProposedRules:
    def test_are_accepted_and_dismissed_in_the_list(self, office):
        for tag in ("one", "two"):
            create_pattern(name=tag, source="learned", pattern_type="tag", tag_criteria=[tag], target_project="web",
                           confidence=0.9, actor="ada")  # fmt: skip
        first, second = propose_rules()
        address = reverse("admin:routing_proposal_changelist")
        for action, row in (("accept", first), ("dismiss", second), ("accept", second)):
            answer = office.client.post(address, {"action": action, "_selected_action": row.pk}, follow=True)
        assert {p.pk: p.state for p in Proposal.objects.all()} == {first.pk: "accepted", second.pk: "dismissed"}
        assert "was dismissed by admin" in answer.content.decode()
