"""`docs/routing-rules.md` stays true: its examples are read and matched."""

import re

import pytest
import yaml
from django.conf import settings

from routing.models.policy import check_shares, check_weights
from routing.policy.conditions import MOST_CONDITIONS, READERS
from routing.policy.rules import KNOWN, RuleBook, read_rules
from routing.policy.types import TaskView

PAGE = (settings.BASE_DIR / "docs" / "routing-rules.md").read_text(encoding="utf-8")
CONDITION = re.compile(r"^### (\w+)\n(.+?)(?=^##)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```yaml\n(.+?)^```", re.MULTILINE | re.DOTALL)
CASES = re.compile(r"^Matches `(.+)`, not `(.+)`\.$", re.MULTILINE)
SECTIONS = dict(CONDITION.findall(PAGE))


def as_view(text):
    task = yaml.safe_load(text)
    return TaskView(**task | {"tags": tuple(task.get("tags", ()))})


def says_something(book, text):
    verdict = book.judge(as_view(text))
    return bool(verdict.votes or verdict.forbidden or verdict.review)


class TestThePageOfRules:
    """Every condition has its section, its example and what the example matches."""

    def test_describes_every_condition_and_no_other(self):
        assert list(SECTIONS) == list(READERS)

    def test_describes_every_key_of_a_rule(self):
        assert set(re.findall(r"^\| `(\w+)(?:: true)?` \|", PAGE, re.MULTILINE)) == KNOWN

    def test_names_the_depth_that_is_allowed(self):
        deepest = nested(MOST_CONDITIONS)

        assert read_rules([{"name": "deep", "when": deepest, "project": "sark"}])
        assert "up to eight levels deep" in PAGE
        assert MOST_CONDITIONS == 8

    @pytest.mark.parametrize("kind", SECTIONS)
    def test_shows_an_example_of_each(self, kind):
        (example,) = BLOCK.findall(SECTIONS[kind])
        ((hit, miss),) = CASES.findall(SECTIONS[kind])

        book = RuleBook(read_rules(yaml.safe_load(example)))

        assert f"{kind}:" in example
        assert says_something(book, hit)
        assert not says_something(book, miss)

    def test_shows_a_whole_file(self):
        file = yaml.safe_load(BLOCK.search(PAGE)[1])

        assert [rule.name for rule in read_rules(file["rules"])] == ["Sign-in and accounts", "People and pay"]
        check_weights(file["weights"])
        check_shares(file["thresholds"])

    def test_adds_votes_up_as_it_says(self):
        rule = {"when": {"tag": "sso"}, "project": "sark"}
        book = RuleBook(read_rules([{"name": "one", **rule}, {"name": "two", **rule}]))

        votes = book.judge(TaskView("Sign in", tags=("sso",))).votes

        assert votes["sark"] == pytest.approx(0.96)


def nested(levels):
    return {"not": nested(levels - 1)} if levels else {"tag": "sso"}
