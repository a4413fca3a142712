import pytest
from django.urls import reverse

from instances.tests.factories import InstanceFactory
from routing.models import Delegation, LearnedState, Pattern, Policy, PolicyVersion
from routing.operations import create_version, refit, route_task
from routing.tests.factories import activate_rules, make_hop, make_policy, make_projects, teach_topics, votes_for
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(admin_client):
    """Post a form of the admin and follow it; `office.url` names an address."""

    class Office:
        def url(self, model, verb, *keys):
            return reverse(f"admin:routing_{model}_{verb}", args=keys)

        def get(self, *where):
            return admin_client.get(self.url(*where))

        def post(self, *where, **form):
            return admin_client.post(self.url(*where), form, follow=True)

    return Office()


def said(response):
    return [str(message) for message in response.context["messages"]]


class TestTheLists:
    def test_show_what_there_is(self, office):
        teach_topics(copies=2)
        refit()
        activate_rules(votes_for("web", when={"keyword": "login"}, weight=0.9))
        route_task(task=TaskFactory(title="login"))
        for model in (
            "decision",
            "episode",
            "episodejudgement",
            "learnedstate",
            "policy",
            "policyversion",
            "pattern",
            "delegation",
        ):
            assert office.get(model, "changelist").status_code == 200, model

    def test_never_load_the_arrays_of_a_learned_state(self, office):
        teach_topics(copies=2)
        state = refit()
        assert office.get("learnedstate", "change", state.pk).status_code == 200
        assert "arrays" in LearnedState.objects.defer("arrays").get().get_deferred_fields()


class TestWhatIsOnlyRead:
    def test_cannot_be_added_changed_or_deleted(self, office):
        make_projects("web")
        decision = route_task(task=TaskFactory(project_id="web"))
        for model, key in (("decision", decision.pk), ("episode", decision.episode_id)):
            assert office.get(model, "change", key).status_code == 200
            assert office.get(model, "add").status_code == 403
            assert office.post(model, "change", key, confidence="0").status_code == 403
            assert office.post(model, "delete", key, post="yes").status_code == 403


class TestPolicyVersions:
    def test_are_drafted_by_a_form_and_put_in_force_by_the_action(self, office):
        make_projects("web")
        policy = make_policy()
        rules = '[{"name": "logins", "when": {"keyword": "login"}, "project": "web"}]'
        office.post("policyversion", "add", policy=policy.pk, rules=rules, weights="{}", thresholds="{}")
        version = PolicyVersion.objects.get()
        assert (version.number, version.state, version.created_by) == (1, "draft", "admin")
        answer = office.post("policyversion", "changelist", action="activate", _selected_action=version.pk)
        version.refresh_from_db()
        assert version.state == "active"
        assert "in force" in said(answer)[-1]

    def test_show_what_is_wrong_beside_the_field(self, office):
        rules = '[{"name": "x", "when": {"keyword": "login"}, "project": "nowhere"}]'
        form = {"policy": make_policy().pk, "rules": rules, "weights": '{"luck": 1}', "thresholds": "[]"}
        page = office.post("policyversion", "add", **form)
        assert page.context["adminform"].form.errors.keys() == {"weights"}
        page = office.post("policyversion", "add", **{**form, "weights": "{}"})
        assert page.context["adminform"].form.errors.keys() == {"rules"}
        assert not PolicyVersion.objects.exists()

    def test_that_were_in_force_are_only_read(self, office):
        version = activate_rules()
        office.post("policyversion", "change", version.pk, rules="[]", weights='{"workload": 1}', thresholds="{}")
        version.refresh_from_db()
        assert (version.weights, version.version) == ({}, 2)
        answer = office.post("policyversion", "delete", version.pk, post="yes")
        assert "is or was in force" in said(answer)[0]
        assert PolicyVersion.objects.filter(pk=version.pk).exists()

    def test_that_are_drafts_can_be_deleted(self, office):
        version = create_version(policy=make_policy(), actor="ada")
        office.post("policyversion", "delete", version.pk, post="yes")
        assert not PolicyVersion.objects.exists()


class TestPoliciesPatternsAndDelegations:
    def test_are_added_changed_and_deleted_by_forms(self, office):
        office.post("policy", "add", name="house", description="")
        policy = Policy.objects.get()
        office.post("policy", "change", policy.pk, name="garden", description="")
        policy.refresh_from_db()
        assert (policy.name, policy.version) == ("garden", 2)
        office.post("policy", "delete", policy.pk, post="yes")
        assert not Policy.objects.exists()

    def test_refuse_a_pattern_without_a_target(self, office):
        form = {
            "id": "p-1", "name": "logins", "pattern_type": "tag", "confidence": "0.5", "usage_count": "0",
            "success_count": "0", "failure_count": "0", "source": "manual", "tag_criteria": "login",
        }  # fmt: skip
        page = office.post("pattern", "add", **form)
        assert page.status_code == 200
        assert not Pattern.objects.exists()
        office.post("pattern", "add", **form, target_project="web")
        assert Pattern.objects.get().tag_criteria == ["login"]

    def test_refuse_a_delegation_to_itself_and_a_second_one(self, office):
        here = InstanceFactory()
        task, there = TaskFactory(routed=True, instance=here), InstanceFactory(parent=here)
        form = {"task": task.pk, "delegation_type": "route"}
        assert office.post("delegation", "add", **form, target_instance=here.pk).status_code == 200
        assert not Delegation.objects.exists()
        for _ in range(2):
            assert office.post("delegation", "add", **form, target_instance=there.pk).status_code == 200
        assert Delegation.objects.count() == 1

    def test_go_with_nothing_but_their_own_row(self, office):
        hop = make_hop(TaskFactory(), InstanceFactory(), InstanceFactory(), status="cancelled")
        office.post("delegation", "delete", hop.pk, post="yes")
        assert (Delegation.objects.count(), Task.objects.count()) == (0, 1)
