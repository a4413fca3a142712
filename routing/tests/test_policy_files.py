"""Policy files: what is wrong has a line and a column, and what was written is read back."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopper.common.errors import Invalid
from routing.operations import read_policy
from routing.policy.diff import compare, is_same
from routing.policy.files import DEEPEST, LONGEST_FILE, read_file, write_file
from routing.tests.factories import make_projects

FILE = """\
# who gets what
rules:
  - name: Logins
    when:
      all:
        - keyword: login
        - not: {tag: docs}
    project: web
    weight: 0.9
weights: {workload: 0.5}
thresholds: {confidence: 0.7}
"""


def said(text):
    with pytest.raises(Invalid) as refused:
        read_policy(text=text)
    return refused.value.errors["yaml"]


class TestAFile:
    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("rules: [", "Line 2, column 1: this is no YAML"),
            ("a: b\n  c: d", "Line 2, column 4: this is no YAML"),
            ("", "Line 1, column 1: A policy file is a list"),
            ("just a word", "Line 1, column 1: A policy file is a list"),
            ("rules: &all []\nweights: {}", "Line 1, column 8: an anchor or alias"),
            ("- name: *one", "Line 1, column 9: an anchor or alias"),
            ("rules: !!set {a}", "Line 1, column 8: a tag"),
            ("rules: []\n---\nrules: []", "Line 2, column 1: this is no YAML"),
            ("rules: []\nrules: []", "Line 2, column 1: the key 'rules' stands twice here: the first is on line 1"),
            ("rules: []\n1: []", "Line 2, column 1: a key is a word"),
            ('rules: ["a\\0"]', "Line 1, column 9: The text has a NUL"),
            ("weights: {workload: 1" + "0" * 5000 + "}", "Line 1, column 21: this number cannot be read"),
            ("x" * (LONGEST_FILE + 1), "Line 1, column 1: the file is over 512 KB"),
            ("[" * 100_000, f"Line 1, column {DEEPEST + 1}: this is nested deeper than"),
            ("rules: {}", "Line 1, column 1: A policy file is a list"),
        ],
        ids=range(15),
    )
    def test_is_refused_with_the_place_of_what_is_wrong(self, text, sentence):
        (found,) = said(text)
        assert found.startswith(sentence)

    def test_keeps_as_texts_what_yaml_takes_for_dates_and_merges(self):
        assert read_file("{a: 2026-11-22, '<<': b, c: =}").content == {"a": "2026-11-22", "<<": "b", "c": "="}


@pytest.mark.django_db
class TestWhatAFileSays:
    def test_is_taken_as_it_stands(self):
        make_projects("web")
        content = read_policy(text=FILE)
        assert content["rules"][0]["when"] == {"all": [{"keyword": "login"}, {"not": {"tag": "docs"}}]}
        assert (content["weights"], content["thresholds"]) == ({"workload": 0.5}, {"confidence": 0.7})
        assert read_policy(text=json.dumps(content)) == content

    @pytest.mark.parametrize(
        ("was", "now", "sentence"),
        [
            ("project: web", "project: nowhere", "Line 8, column 5: Rule 1 (Logins): There is no project 'nowhere'"),
            ("weight: 0.9", "weight: 9", "Line 9, column 5: Rule 1 (Logins): A weight is above 0"),
            ("weight: 0.9", "wieght: 0.9", "Line 9, column 5: Rule 1 (Logins): There is no key 'wieght'"),
            ("keyword: login", "keyword: []", "Line 6, column 11: Rule 1 (Logins): keyword is a word or"),
            ("{tag: docs}", "{tga: docs}", "Line 7, column 17: Rule 1 (Logins): There is no condition 'tga'"),
            ("project: web", "forbid: true", "Line 3, column 5: Rule 1 (Logins): A rule names a project"),
            ("name: Logins", "name: ''", "Line 3, column 5: Rule 1: Give it a name"),
            ("workload: 0.5", "luck: 1", "Line 10, column 11: There is no factor 'luck'"),
            ("confidence: 0.7", "confidence: 7", "Line 11, column 14: confidence is a number from 0 to 1"),
            ("thresholds:", "treshold:", "Line 11, column 1: A policy file is a list of rules, or has the keys"),
        ],
    )
    def test_is_refused_with_line_column_and_rule(self, was, now, sentence):
        make_projects("web")
        (found,) = said(FILE.replace(was, now))
        assert found.startswith(sentence)

    def test_is_refused_for_each_thing_that_is_wrong(self):
        found = said("- {name: a, when: {tag: x}, project: web}\n- {name: b}\n- 3\n")
        assert [text.split(": ")[0] for text in found] == [
            "Line 2, column 3", "Line 3, column 3", "Line 1, column 29",
        ]  # fmt: skip


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20) | st.sampled_from(
    ["no", "on", "1", "1e3", "2026-11-22", "~", "<<", "=", "&a", "*a", "!x", "0x1f", "1:20", ".nan", "a: b", "# a"]
)
values = st.recursive(
    words | st.booleans() | st.none() | st.integers(-9, 9) | st.floats(0, 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


class TestWriting:
    @settings(max_examples=30)
    @given(st.fixed_dictionaries({"rules": st.lists(values, max_size=3), "weights": st.dictionaries(words, values)}))
    def test_is_read_back_as_it_was(self, content):
        assert read_file(write_file(content, heading="house\n- name: x")).content == content

    def test_points_to_nothing_that_was_written_before(self):
        twice = ["login"]
        assert read_file(write_file({"rules": [twice, twice]})).content == {"rules": [twice, twice]}


class TestComparing:
    A = {"name": "a", "when": {"tag": "x"}, "project": "web"}
    B = {"name": "b", "when": {"tag": "y"}, "project": "data"}

    def test_finds_rules_by_their_names_and_numbers_by_theirs(self):
        changed = {**self.A, "weight": 0.9, "project": "infra"}
        found = compare(
            {"rules": [self.A, self.B], "weights": {"learned": 1}, "thresholds": {}},
            {
                "rules": [{**self.B, "name": "c"}, changed],
                "weights": {"workload": 2},
                "thresholds": {"confidence": 0.7},
            },
        )
        assert found == {
            "rules": {
                "added": [{**self.B, "name": "c"}],
                "removed": [self.B],
                "changed": [{"name": "a", "changes": {"project": ["web", "infra"], "weight": [None, 0.9]}}],
            },
            "weights": {"learned": [1, None], "workload": [None, 2]},
            "thresholds": {"confidence": [None, 0.7]},
        }

    def test_tells_rules_of_one_name_apart(self):
        other = {**self.B, "name": "a"}
        assert compare({"rules": [self.A]}, {"rules": [self.A, other]})["rules"]["added"] == [other]

    def test_does_not_mind_the_order(self):
        assert is_same(compare({"rules": [self.A, self.B]}, {"rules": [self.B, self.A]}))
