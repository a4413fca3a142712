"""`route`, `policy` and `apikey`: what people and scripts type every day."""

from datetime import timedelta

import pytest
import yaml
from django.core.management import CommandError
from django.utils import timezone

from hopper.common.keys import create_key, find_key, revoke_key
from hopper.tests.commands import ask, say
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import PolicyVersion
from routing.operations import load_policy
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
RULE = {"name": "Login is for sark", "when": {"keyword": "login"}, "project": "sark", "weight": 0.9}


@pytest.fixture
def sark():
    return ProjectFactory(name="sark")


@pytest.fixture
def policy(sark):
    return load_policy(name="house", content=[RULE], actor="ada")


@pytest.fixture
def policy_file(tmp_path):
    def write(text):
        file = tmp_path / "night.yaml"
        file.write_text(text)
        return str(file)

    return write


@pytest.mark.usefixtures("policy")
class TestRoute:
    def test_routes_one_task_and_says_why(self):
        task = TaskFactory(title="Fix the login")

        answer = ask("route", task.pk)

        task.refresh_from_db()
        assert (answer["task"], answer["outcome"], answer["project"]) == (task.pk, "routed", "sark")
        assert task.status == Task.Status.ROUTED
        assert "Login is for sark" in answer["reasoning"]

    def test_prints_one_line_for_one_decision(self):
        task = TaskFactory(title="Fix the login")

        assert say("route", task.pk).startswith(f"{task.pk} → sark (0.")

    def test_says_review_for_a_task_it_is_not_sure_about(self):
        assert " → review (" in say("route", TaskFactory(title="Water the plants").pk)

    def test_routes_a_task_that_waits_until_somebody_asks(self):
        task = TaskFactory(title="Fix the login", route_after=timezone.now() + timedelta(days=1))

        assert ask("route", task.pk)["outcome"] == "routed"

    def test_routes_everything_that_waits(self):
        for number in range(60):
            TaskFactory(title=f"Fix the login {number}")
        TaskFactory(title="Water the plants")

        assert ask("route", "--all") == {"decided": 61, "routed": 60, "reviewed": 1}
        assert not Task.objects.awaiting_routing(now=timezone.now()).exists()

    def test_sums_up_for_people(self):
        TaskFactory(title="Fix the login")

        assert say("route", "--all") == "1 tasks decided: 1 routed, 0 sent to review.\n"

    def test_refuses_a_task_that_is_not_there(self):
        with pytest.raises(CommandError, match="There is no task 'nowhere'"):
            say("route", "nowhere")

    def test_refuses_a_task_that_is_routed(self):
        with pytest.raises(CommandError, match="only a pending task is routed"):
            say("route", TaskFactory(routed=True).pk)

    def test_refuses_to_guess_what_to_route(self):
        with pytest.raises(CommandError, match="required"):
            say("route")


@pytest.mark.usefixtures("sark")
class TestPolicyLoad:
    def test_puts_a_file_in_force_under_its_own_name(self, policy_file):
        answer = ask(
            "policy", "load", policy_file(yaml.safe_dump({"rules": [RULE], "thresholds": {"confidence": 0.7}}))
        )

        active = PolicyVersion.objects.get(state="active")
        assert (answer["name"], answer["version"], active.rules) == ("night", 1, [RULE])
        assert active.thresholds == {"confidence": 0.7}

    def test_adds_a_version_to_the_policy_of_that_name(self, policy, policy_file):
        answer = ask("policy", "load", policy_file(yaml.safe_dump([RULE])), "--name", "house")

        assert (answer["name"], answer["version"]) == ("house", 2)
        assert PolicyVersion.objects.filter(state="active").count() == 1

    def test_names_each_rule_that_is_wrong(self, policy_file):
        file = policy_file(
            "- {name: a, when: {tag: x}, project: sark}\n- name: b\n  when: {keywrd: x}\n  project: sark\n"
            "- {name: c, when: {tag: x}}\n"
        )

        with pytest.raises(CommandError) as refused:
            say("policy", "load", file)

        first, second = str(refused.value).splitlines()
        assert first.startswith(f"{file}: Line 3, column 10: Rule 2 (b): There is no condition 'keywrd'")
        assert second.startswith(f"{file}: Line 5, column 3: Rule 3 (c): A rule names a project")
        assert not PolicyVersion.objects.exists()

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("rules: [", "is no YAML"),
            ("!!python/object/apply:os.getcwd []", r"Line 1, column 1: a tag \(.*\) is not allowed"),
            ("just a word", "A policy file is a list of rules"),
            ("- {name: a, when: {tag: x}, project: nowhere}", "There is no project 'nowhere'"),
        ],
    )
    def test_refuses(self, policy_file, text, sentence):
        with pytest.raises(CommandError, match=sentence):
            say("policy", "load", policy_file(text))

    def test_refuses_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(CommandError, match="cannot be read: No such file"):
            say("policy", "load", str(tmp_path / "nothing.yaml"))


class TestPolicyShow:
    def test_prints_what_load_can_read_again(self, policy):
        shown = say("policy", "show")

        assert shown.startswith("# house, version 1, in force since ")
        assert yaml.safe_load(shown) == {"rules": [RULE], "weights": {}, "thresholds": {}}

    def test_answers_programs(self, policy):
        assert ask("policy", "show")["rules"] == [RULE]

    def test_says_that_none_is_in_force(self):
        with pytest.raises(CommandError, match="No policy is in force"):
            say("policy", "show")


@pytest.mark.usefixtures("policy")
class TestTryingAPolicy:
    @pytest.fixture
    def night(self, policy_file):
        """The number of a draft that sends logins elsewhere."""
        ProjectFactory(name="owl")
        file = policy_file(yaml.safe_dump([{**RULE, "project": "owl"}]))
        return str(ask("policy", "load", file, "--name", "house", "--draft")["version"])

    def test_compares_backtests_activates_and_rolls_back(self, night):
        ask("route", TaskFactory(title="Fix the login").pk)
        changed = ask("policy", "diff", "--number", night)["rules"]["changed"]
        assert changed == [{"name": RULE["name"], "changes": {"project": ["sark", "owl"]}}]
        with pytest.raises(CommandError, match="has not been backtested"):
            say("policy", "activate", "--number", night)
        shown = say("backtest", "--number", night, "--since", "2000-01-01T00:00:00Z")
        assert "1 decisions made again, 1 move." in shown
        assert "1  sark → owl" in shown
        assert ask("policy", "activate", "--number", night)["state"] == "active"
        assert ask("policy", "rollback")["version"] == 1
        assert ask("policy", "activate", "--policy", "house", "--number", night, "--force")["state"] == "active"

    def test_exports_what_can_be_loaded_again(self, night, policy_file):
        exported = say("policy", "export", "--number", night)
        assert ask("policy", "load", policy_file(exported), "--draft")["rules"][0]["project"] == "owl"

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [(["backtest", "--number", "9"], "no version 9"), (["backtest", "--since", "monday"], "Write a moment"),
         (["policy", "diff", "--policy", "other", "--number", "1"], "no version 1 of other")],
    )  # fmt: skip
    def test_says_what_is_not_there(self, words, sentence):
        with pytest.raises(CommandError, match=sentence):
            say(*words)


class TestApikeyCreate:
    def test_prints_a_key_that_opens_the_api(self):
        text = ask("apikey", "create", "--name", "ci", "--role", "operator")["key"]

        key = find_key(text)
        assert (key.name, key.role) == ("ci", "operator")

    def test_shows_the_key_to_people(self):
        text = say("apikey", "create", "--name", "ci").split()[-1]

        assert find_key(text).role == "viewer"

    def test_limits_days_projects_and_branches(self, sark):
        branch = InstanceFactory()

        text = ask(
            "apikey", "create", "--name", "ci", "--days", "3", "--project", "sark", "--instance", branch.pk
        )["key"]  # fmt: skip

        key = find_key(text)
        assert (key.projects, key.instances) == (["sark"], [branch.pk])
        assert key.expires_at - timezone.now() <= timedelta(days=3)

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["--name", "ci", "--days", "0"], "days: A key lives 1 to 365 days"),
            (["--name", "n" * 101], "name: Ensure this value has at most 100"),
            (["--name", "ci", "--project", "srak"], "There is no project 'srak'"),
            (["--name", "ci", "--instance", "srak"], "There is no instance 'srak'"),
            (["--name", "ci", "--role", "king"], "invalid choice: 'king'"),
            ([], "--name"),
        ],
    )
    def test_refuses(self, words, sentence):
        with pytest.raises(CommandError, match=sentence):
            say("apikey", "create", *words)


class TestApikeyList:
    def test_shows_every_key_without_its_secret(self):
        _, live = create_key(name="live")
        dead, _ = create_key(name="dead")
        revoke_key(key=dead)

        shown = say("apikey", "list").splitlines()

        assert [line.split()[-1] for line in shown] == ["live", "dead"]
        assert "until" in shown[0]
        assert "revoked" in shown[1]
        assert live.partition(".")[2] not in "".join(shown)

    def test_answers_programs(self):
        create_key(name="late", expires_at=timezone.now() - timedelta(days=1))
        create_key(name="live")

        assert {key["name"]: key["is_live"] for key in ask("apikey", "list")["keys"]} == {"late": False, "live": True}


class TestApikeyRevoke:
    def test_closes_the_api_to_the_key(self):
        key, text = create_key(name="ci")

        answer = ask("apikey", "revoke", key.prefix)

        assert answer["revoked_at"]
        assert find_key(text) is None

    def test_understands_the_whole_key(self):
        _, text = create_key(name="ci")

        say("apikey", "revoke", text)

        assert find_key(text) is None

    def test_refuses_a_prefix_that_is_not_there(self):
        with pytest.raises(CommandError, match="There is no key 'abc'"):
            say("apikey", "revoke", "abc")
