"""Every kind of event has its sentence, in the code and in docs/events.md."""

import ast
import re

import pytest
from django.conf import settings

from hopper.events.sentences import SENTENCES, sentence_for
from hopper.tests.code_rules import product_code
from routing.models import AdviserQuestion, Delegation, Duplicate, Proposal, TaskAdvice

NOUNS = {kind.partition(".")[0] for kind in SENTENCES}
# Where the kind is made of a state; rows are born in the first one, which has an event of its own or none.
STATES = {
    "question.": AdviserQuestion.State, "advice.": TaskAdvice.State, "delegation.": Delegation.Status,
    "proposal.": Proposal.State, "task.duplicate_": Duplicate.Status,
}  # fmt: skip
BORN = {"advice.asked", "delegation.pending", "proposal.proposed"}


def texts():
    """Yield `(text, is the beginning of one)` of every text that operations write."""
    for source in product_code():
        if "/operations" in source.path:
            parts = {id(part) for node in source.nodes if isinstance(node, ast.JoinedStr) for part in node.values}
            for node in source.nodes:
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value, id(node) in parts


def kinds_in_code():
    """Return the kinds of events that operations write by name, and those that they make of a state."""
    found = list(texts())
    named = {text for text, is_part in found if not is_part and re.fullmatch(r"[a-z_]+\.[a-z_]+", text)}
    begun = {text for text, is_part in found if is_part and text in STATES}
    return (
        {kind for kind in named if kind.partition(".")[0] in NOUNS},
        {f"{noun}{state}" for noun in begun for state in STATES[noun].values},
    )


class TestTheSentences:
    def test_are_there_for_every_kind_that_the_code_writes_and_for_no_other(self):
        named, made = kinds_in_code()

        assert {noun for noun in STATES if any(kind.startswith(noun) for kind in made)} == set(STATES)
        assert named | made == set(SENTENCES) | BORN

    def test_are_those_of_the_document(self):
        text = (settings.BASE_DIR / "docs" / "events.md").read_text()

        assert dict(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| (.*) \|$", text, re.MULTILINE)) == SENTENCES

    @pytest.mark.parametrize(
        ("kind", "payload", "said"),
        [
            ("task.routed", {"project": "sark", "instance": None, "confidence": 0.951},
             "Routed to sark (confidence 0.95)"),
            ("task.routed", {}, "Routed"),
            ("task.changed", {"changed": ["tags", "title"]}, "Changed: tags, title"),
            ("task.claimed", {"fence": 3}, "Claimed by agent-7"),
            ("task.lease_expired", {"held_by": "ada"}, "Lease lost by ada"),
            ("task.failed", {"reason": "{actor} [x]"}, "Failed: {actor} [x]"),
            ("task.cancelled", {"reason": "no " * 100}, f"Cancelled: {('no ' * 100)[:199]}…"),
            ("task.freed", {}, "Free to begin: ? is over"),
            ("old.kind", {}, "old.kind"),
        ],
    )  # fmt: skip
    def test_say_what_is_known(self, kind, payload, said):
        assert sentence_for(kind, actor="agent-7", payload=payload) == said
