import re
from itertools import permutations

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from routing.policy.conditions import Seen
from routing.policy.rules import RuleBook, read_rules
from routing.policy.types import TaskView
from routing.tests.factories import judge, policy, votes_for

WORDS = ["fix", "login", "error", "invoice", "page"]
TAGS = ["bug", "api", "docs"]
PROJECTS = ["web", "data", "infra"]
WEIGHTS = st.floats(0.01, 1)


class TestAKeyword:
    def test_matches_whole_words_only(self):
        assert judge({"keyword": "fix"}, title="Fix the login")
        assert not judge({"keyword": "fix"}, title="The prefix is wrong")

    def test_matches_in_the_description_and_in_any_case(self):
        assert judge({"keyword": "STRASSE"}, description="an der Straße")

    def test_matches_a_phrase_as_words_in_a_row(self):
        assert judge({"keyword": "user story"}, title="Write a user-story for it")
        assert not judge({"keyword": "user story"}, title="The user tells a story")

    def test_matches_any_word_of_a_list(self):
        assert judge({"keyword": ["crash", "hangs up"]}, title="It hangs up")


class TestATag:
    def test_matches_any_of_the_tags_in_any_case(self):
        assert judge({"tag": ["API", "docs"]}, tags=("api",))
        assert not judge({"tag": "api"}, tags=("docs",), title="about the api")

    def test_matches_all_tags_only_when_all_are_there(self):
        assert judge({"all_tags": ["api", "bug"]}, tags=("api", "bug", "docs"))
        assert not judge({"all_tags": ["api", "bug"]}, tags=("bug",))


class TestOtherConditions:
    def test_match_a_priority(self):
        assert judge({"priority": ["high", "urgent"]}, priority="urgent")
        assert not judge({"priority": "high"}, priority="low")

    def test_match_a_requester_in_any_case(self):
        assert judge({"requester": "Ada"}, requester="ada")

    def test_match_a_pattern_in_the_text(self):
        assert judge({"pattern": r"err(or)?\s+\d{3}"}, title="Error 500 on save")
        assert not judge({"pattern": r"^\d+$"}, title="no number")

    def test_are_put_together_with_all_any_and_not(self):
        when = {
            "all": [{"keyword": "login"}, {"any": [{"tag": "bug"}, {"priority": "urgent"}]}, {"not": {"tag": "docs"}}]
        }
        assert judge(when, title="login", tags=("bug",))
        assert judge(when, title="login", priority="urgent")
        assert not judge(when, title="login", tags=("bug", "docs"))
        assert not judge(when, title="login")


class TestAVerdict:
    def test_adds_up_the_weights_of_votes_for_one_project(self):
        book = policy(
            votes_for("web", when={"keyword": "login"}, weight=0.5), votes_for("web", when={"tag": "bug"}, weight=0.6)
        ).book
        assert book.judge(TaskView("login", tags=("bug",))).votes == {"web": pytest.approx(0.8)}

    @pytest.mark.untraced
    @given(st.lists(WEIGHTS, min_size=1, max_size=5))
    def test_stays_a_share_whatever_the_weights_and_their_order(self, weights):
        rules = [votes_for("web", when={"keyword": "login"}, weight=weight) for weight in weights]
        found = [
            RuleBook(read_rules(list(order))).judge(TaskView("login")).votes["web"] for order in permutations(rules)
        ]
        assert all(0 <= vote <= 1 for vote in found)
        assert found == pytest.approx([found[0]] * len(found))
        assert found[0] >= max(weights) - 1e-9

    def test_forbids_a_project(self):
        verdict = policy(votes_for("web", when={"tag": "secret"}, forbid=True, name="no secrets")).book.judge(
            TaskView("x", tags=("secret",))
        )
        assert (verdict.forbidden, verdict.votes) == ({"web": "no secrets"}, {})

    def test_asks_for_review_in_the_name_of_the_first_rule_that_does(self):
        book = policy(
            {"name": "money", "when": {"keyword": "money"}, "review": True},
            {"name": "law", "when": {"keyword": "law"}, "review": True},
        ).book
        assert book.judge(TaskView("law and money")).review == "money"
        assert book.judge(TaskView("neither")).review is None

    def test_names_the_rules_that_hit(self):
        book = policy(
            votes_for("web", when={"keyword": "login"}, name="first"),
            votes_for("web", when={"tag": "bug"}, name="second"),
        ).book
        assert book.judge(TaskView("login", tags=("bug",))).hits == {"web": ["first", "second"]}


LEAVES = st.one_of(
    st.sampled_from(WORDS).map(lambda word: {"keyword": word}),
    st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)).map(lambda pair: {"keyword": " ".join(pair)}),
    st.lists(st.sampled_from(TAGS), min_size=1, max_size=2).map(lambda tags: {"tag": tags}),
    st.lists(st.sampled_from(TAGS), min_size=1, max_size=2).map(lambda tags: {"all_tags": tags}),
    st.sampled_from(["low", "urgent"]).map(lambda name: {"priority": name}),
    st.sampled_from(WORDS).map(lambda word: {"pattern": word[:3]}),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=6,
)
RULES = st.one_of(
    st.builds(
        lambda when, to, weight: votes_for(to, when=when, weight=weight), CONDITIONS, st.sampled_from(PROJECTS), WEIGHTS
    ),
    st.builds(lambda when, to: votes_for(to, when=when, forbid=True), CONDITIONS, st.sampled_from(PROJECTS)),
    st.builds(lambda when: {"name": "ask", "when": when, "review": True}, CONDITIONS),
)
TASKS = st.builds(
    TaskView,
    title=st.lists(st.sampled_from([*WORDS, "prefix", "the"]), max_size=6).map(" ".join),
    tags=st.lists(st.sampled_from(TAGS), unique=True).map(tuple),
    priority=st.sampled_from(["low", "medium", "urgent"]),
)


class TestTheIndexOfRules:
    @pytest.mark.untraced
    @given(st.lists(RULES, max_size=8), TASKS)
    def test_finds_just_what_trying_every_rule_finds(self, rules, task):
        rules = [rule | {"name": f"rule {number}"} for number, rule in enumerate(rules)]
        verdict = RuleBook(read_rules(rules)).judge(task)
        matching = [rule for rule in read_rules(rules) if rule.when.match(Seen(task)) > 0]
        expected = dict.fromkeys(PROJECTS, 1.0)
        for rule in matching:
            if rule.project and not rule.forbid:
                expected[rule.project] *= 1 - rule.weight
        voted = [rule for rule in matching if rule.project and not rule.forbid]
        assert verdict.votes == pytest.approx({rule.project: 1 - expected[rule.project] for rule in voted})
        assert [*verdict.forbidden] == [*dict.fromkeys(rule.project for rule in matching if rule.forbid)]
        assert verdict.review == next((rule.name for rule in matching if rule.review), None)


BAD = [
    ("nonsense", "Rules are a list"),
    (["nonsense"], "Rule 1: A rule is an object"),
    ([{"when": {"keyword": "x"}, "project": "web"}], "Give it a name"),
    ([votes_for("web", when={"keyword": "x"}, colour="red")], "There is no key 'colour'"),
    ([votes_for("web", when={"keyword": "x"}) | {1: "red", "b": 2}], "There is no key '1'"),
    ([votes_for("web", when={})], "`when` has one key"),
    ([votes_for("web", when={"keyword": "x", "tag": "y"})], "`when` has one key"),
    ([votes_for("web", when={"smell": "x"})], "There is no condition 'smell'"),
    ([votes_for("web", when={"keyword": []})], "keyword is a word or a list of words, and not empty"),
    ([votes_for("web", when={"keyword": [""]})], "keyword is a word or a list of words, and not empty"),
    ([votes_for("web", when={"keyword": "!?"})], "at least one letter or digit"),
    ([votes_for("web", when={"tag": []})], "tag is a word or a list of words, and not empty"),
    ([votes_for("web", when={"tag": 'a"b'})], "no tag"),
    ([votes_for("web", when={"all": []})], "`all` is a list of conditions, and not empty"),
    ([votes_for("web", when={"any": {}})], "`any` is a list of conditions, and not empty"),
    ([votes_for("web", when={"not": {}})], "`when` has one key"),
    ([votes_for("web", when={"priority": "soon"})], "A priority is one of low, medium, high, urgent"),
    ([votes_for("web", when={"pattern": ""})], "A pattern is a text of 1 to 512 characters"),
    ([votes_for("web", when={"pattern": "x" * 513})], "A pattern is a text of 1 to 512 characters"),
    ([votes_for("web", when={"pattern": "a(?=b)"})], "look-around and back-references do not exist"),
    ([votes_for("web", when={"pattern": r"(a)\1"})], "look-around and back-references do not exist"),
    ([votes_for("web", when={"keyword": "x"}, weight=0)], "A weight is above 0 and at most 1"),
    ([votes_for("web", when={"keyword": "x"}, weight=1.1)], "A weight is above 0 and at most 1"),
    ([votes_for("web", when={"keyword": "x"}, weight=True)], "A weight is above 0 and at most 1"),
    ([votes_for("web", when={"keyword": "x"}, review=True)], "A rule names a project, or says review: true"),
    ([votes_for("web", when={"keyword": "x"}, forbid="no")], "true or false, without quotes"),
    ([{"name": "ask", "when": {"keyword": "x"}, "review": "false"}], "true or false, without quotes"),
    ([votes_for(["web"], when={"keyword": "x"})], "A rule names a project"),
    ([{"name": "nowhere", "when": {"keyword": "x"}}], "A rule names a project, or says review: true"),
]


class TestReadingRules:
    @pytest.mark.parametrize(("rules", "says"), BAD)
    def test_refuses_what_is_wrong_in_a_sentence(self, rules, says):
        with pytest.raises(ValidationError, match=re.escape(says)):
            read_rules(rules)

    def test_names_every_rule_that_is_wrong(self):
        wrong = [
            votes_for("web", when={}, name="one"),
            votes_for("web", when={"tag": "x"}),
            votes_for("web", when={}, name="three"),
        ]
        with pytest.raises(ValidationError) as caught:
            read_rules(wrong)
        assert [text.split(":")[0] for text in caught.value.messages] == ["Rule 1 (one)", "Rule 3 (three)"]

    def test_refuses_conditions_nested_too_deep(self):
        when = {"keyword": "x"}
        for _ in range(9):
            when = {"not": when}
        with pytest.raises(ValidationError, match="deeper than 8 levels"):
            read_rules([votes_for("web", when=when)])

    def test_takes_a_pattern_that_would_hang_a_backtracking_engine(self):
        assert not judge({"pattern": "(a+)+$"}, title="a" * 500 + "b", description="a" * 60_000 + "b")


class TestAWeightedKeyword:
    def test_matches_to_the_degree_of_the_words_that_are_there(self):
        book = RuleBook(read_rules([votes_for("web", when={"keyword": {"outage": 0.5, "slow": 0.5}}, weight=1)]))
        assert book.judge(TaskView("an outage")).votes == {"web": 0.5}
        assert book.judge(TaskView("slow since the outage")).votes == {"web": 0.75}


class TestTagsWithAStar:
    def test_stand_for_any_letters(self):
        assert judge({"tag": "k8s-*"}, tags=("k8s-prod",))
        assert not judge({"tag": "k8s-*"}, tags=("k8s",))
        assert judge({"all_tags": ["bug", "k8s-*"]}, tags=("k8s-prod", "bug"))
        assert not judge({"all_tags": ["bug", "k8s-*"]}, tags=("k8s-prod",))

    def test_are_excluded_by_no_tags(self):
        assert judge({"no_tags": ["docs", "k8s-*"]}, tags=("bug",))
        assert not judge({"no_tags": ["docs", "k8s-*"]}, tags=("bug", "k8s-prod"))


class TestAField:
    @pytest.mark.parametrize(
        ("when", "task", "matches"),
        [
            ({"days_left": {"below": 2}}, {"days_left": 1.5}, True),
            ({"days_left": {"below": 2}}, {}, False),
            ({"effort_hours": {"at_least": 2, "at_most": 8}}, {"effort_hours": 8}, True),
            ({"effort_hours": {"at_least": 2, "at_most": 8}}, {"effort_hours": 9}, False),
            ({"priority": {"at_least": "high"}}, {"priority": "urgent"}, True),
            ({"priority": {"above": "high"}}, {"priority": "high"}, False),
            ({"tags": {"above": 1}}, {"tags": ("a", "b")}, True),
            ({"source": ["webhook", "Email"]}, {"source": "email"}, True),
            ({"platform": "github"}, {}, False),
        ],
    )
    def test_is_compared(self, when, task, matches):
        assert judge({"field": when}, **task) is matches

    @pytest.mark.parametrize(
        ("when", "why"),
        [
            ({"colour": "red"}, "There is no field 'colour'."),
            ({"days_left": 3}, "Compare days_left by one or more of above"),
            ({"days_left": {"under": 3}}, "There is no comparison 'under'."),
            ({"days_left": {"below": "soon"}}, "days_left is compared with a number."),
            ({"priority": {"above": "hot"}}, "priority is compared with a priority."),
            ({"source": {"below": 2}}, "source is a text"),
            ({}, "`field` has one key"),
        ],
    )
    def test_that_makes_no_sense_is_refused(self, when, why):
        with pytest.raises(ValidationError, match=re.escape(why)):
            judge({"field": when})


class TestARuleThatSets:
    RULES = (
        {"name": "hot", "when": {"keyword": "outage"}, "set": {"priority": "high", "require": {"ops": 2}}},
        {"name": "hotter", "when": {"tag": "prod"},
         "set": {"priority": "urgent", "tags": "incident", "require": ["ops"]}},
        {"name": "calm", "when": {"keyword": "slow"}, "set": {"priority": "low"}},
    )  # fmt: skip

    def test_raises_adds_and_never_lowers_what_is_required(self):
        task = TaskView("slow since the outage", tags=("prod",), required={"ops": 1, "sql": 2})
        verdict = policy(*self.RULES).book.judge(task)
        changed = verdict.changes.made_to(task)
        assert (changed.priority, changed.tags) == ("urgent", ("prod", "incident"))
        assert changed.required == {"ops": 3, "sql": 2}
        assert verdict.changed_by == ("hot", "hotter", "calm")

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({}, "`set` has one or more of the keys"),
            ({"colour": 1}, "`set` has one or more of the keys"),
            ({"priority": "hot"}, "A priority is one of"),
            ({"tags": [1]}, "`set: tags` is a tag"),
            ({"require": {"ops": 9}}, "a level is a whole number from 1 to 5"),
        ],
    )
    def test_that_makes_no_sense_is_refused(self, change, why):
        with pytest.raises(ValidationError, match=re.escape(why)):
            read_rules([{"name": "x", "when": {"keyword": "y"}, "set": change}])


class TestAThousandPatterns:
    def test_are_found_in_one_pass(self):
        book = policy(*(votes_for("web", when={"pattern": rf"cve-{n}\b"}, name=f"cve {n}") for n in range(1000))).book
        assert book.judge(TaskView("Update for CVE-77 and cve-9990")).hits == {"web": ["cve 77"]}
        assert not book.always
