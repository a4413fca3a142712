"""The rules of the seeds, on the sample that the demo shows them with."""

import json
from pathlib import Path

import pytest
from django.core.management import call_command

from hopper import demo
from projects.models import Project
from routing.models import Pattern
from routing.operations.loading import load_knowledge
from routing.policy.types import TaskView

pytestmark = pytest.mark.untraced
SAMPLE = Path(demo.__file__).parent / "sample" / "tasks.jsonl"


@pytest.fixture
def book(db):
    call_command("loaddata", "seeds", verbosity=0)
    return load_knowledge().policy.book


def judge_sample(book):
    """Return what the rules alone say of each line, with its label."""
    cases = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [(book.judge(as_view(case)), case["label"]) for case in cases]


def as_view(case):
    return TaskView(case["title"], case["description"], tuple(case["tags"]), priority=case["priority"])


class TestTheSeededRules:
    """Alone, without capabilities and learning."""

    def test_are_right_in_19_of_20_votes(self, book):
        votes = [(verdict.votes, label) for verdict, label in judge_sample(book) if verdict.votes]

        right = sum(max(vote, key=vote.get) == label for vote, label in votes)

        assert len(votes) > 100
        assert right / len(votes) >= 0.95

    def test_earn_their_weights(self, book):
        said = judge_sample(book)

        for rule in book.rules:
            labels = [label for verdict, label in said if rule.name in verdict.hits.get(rule.project, ())]
            assert rule.review or labels.count(rule.project) / len(labels) >= rule.weight

    def test_send_to_a_person_only_what_belongs_nowhere(self, book):
        assert {label for verdict, label in judge_sample(book) if verdict.review} == {None}

    def test_know_the_same_projects_as_the_patterns(self, book):
        known = set(Project.objects.values_list("pk", flat=True))

        assert set(Pattern.objects.values_list("target_project", flat=True)) == known
        assert {rule.project for rule in book.rules if rule.project} == known
