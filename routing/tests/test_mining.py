"""What counts as a pattern: what holds where it was not looked for."""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.learning.bounds import lower_bound, upper_bound
from routing.learning.mining import Criteria, Judged, mine

NUMBERS = count()


def judged(right, *tags, title="x", times=1, chosen=None, **fields):
    """Episodes one after another that belong to `right` and went there, unless told otherwise."""
    return [
        Judged(str(number), float(number), title, tags=tags, right=right, chosen=chosen or right, **fields)
        for number, _ in zip(NUMBERS, range(times), strict=False)
    ]


def mixed(*kinds, rounds=20):
    """As many rounds of these kinds of episodes, so that each is in the older and in the newer part."""
    return [
        episode for _ in range(rounds) for right, tags, fields in kinds for episode in judged(right, *tags, **fields)
    ]


def kind(right, *tags, **fields):
    return right, tags, fields


def patterns(episodes, known=()):
    return {finding.criteria for finding in mine(episodes, known) if finding.holds}


class TestABound:
    def test_is_far_from_the_share_while_little_was_seen(self):
        assert lower_bound(3, 3) < 0.5 < lower_bound(10, 10) < lower_bound(1000, 1000) < 1
        assert upper_bound(0, 3) == pytest.approx(1 - lower_bound(3, 3))

    def test_knows_nothing_without_trials(self):
        assert (lower_bound(0, 0), upper_bound(0, 0)) == (0.0, 1.0)


class TestMining:
    def test_finds_tags_words_and_priorities_that_tell_the_place(self):
        episodes = mixed(
            kind("web", "css", title="the button is grey", priority="low"),
            kind("data", title="the invoice is lost", priority="medium"),
            kind("ops", "disk", title="the node is down", priority="urgent"),
        )
        found = patterns(episodes)
        assert {Criteria(("#css",), "web"), Criteria(("invoice",), "data"), Criteria(("!urgent",), "ops")} <= found
        assert not [criteria for criteria in found if "the" in criteria.keys]

    def test_finds_two_keys_that_tell_it_only_together(self):
        episodes = mixed(
            kind("web", "bug", "login"), kind("data", "bug", "report"), kind("data", "idea", "login"),
            kind("web", "idea", "report"),
        )  # fmt: skip
        assert patterns(episodes) == {
            Criteria(("#bug", "#login"), "web"), Criteria(("#bug", "#report"), "data"),
            Criteria(("#idea", "#login"), "data"), Criteria(("#idea", "#report"), "web"),
        }  # fmt: skip

    def test_makes_no_pattern_of_10_successes_and_200_failures(self):
        elsewhere = [kind(f"place-{number}", "login") for number in range(20)]
        episodes = mixed(kind("web", "login"), *elsewhere, rounds=10)
        assert not [criteria for criteria in patterns(episodes) if criteria.target == "web"]

    def test_keeps_two_specialities_of_one_project(self):
        episodes = mixed(kind("web", "css"), kind("web", "legal"), kind("data", "sql"), kind("ops", "disk"))
        assert {Criteria(("#css",), "web"), Criteria(("#legal",), "web")} <= patterns(episodes)

    def test_switches_off_what_loses_on_episodes_that_it_has_not_seen(self):
        before = mixed(kind("web", "login"), kind("data", "sql"), rounds=35)
        after = mixed(kind("data", "login"), kind("web", "sql"), rounds=15)
        login = Criteria(("#login",), "web")

        (finding,) = [found for found in mine(before + after, {login}) if found.criteria == login]

        assert login in patterns(before)
        assert login not in patterns(before + after)
        assert not finding.holds
        assert [(seen.window, seen.successes, seen.failures) for seen in finding.evidence] == [
            ("older", 35, 0), ("newer", 0, 15),
        ]  # fmt: skip

    def test_finds_nothing_in_chance_or_in_few(self):
        by_chance = [
            episode
            for number in range(300)
            for episode in judged(f"place-{number * 7919 % 31 % 3}", f"tag-{number % 7}", title=f"word{number % 11}")
        ]
        assert patterns(by_chance) == set()
        assert patterns(judged("web", "login", times=4) + judged("data", "sql", times=4)) == set()

    def test_finds_who_fails_for_such_tasks(self):
        episodes = mixed(
            kind("web", "css"),
            kind("web", "css"),
            kind("data", "login", chosen="web"),
            kind(None, "map", chosen="web"),
        )
        found = patterns(episodes)
        assert {Criteria(("#login",), "web", is_anti=True), Criteria(("#map",), "web", is_anti=True)} <= found
        assert Criteria(("#css",), "web", is_anti=True) not in found

    def test_keeps_the_evidence_of_each_source_and_believes_its_own(self):
        own = mixed(kind("web", "login"), kind("data", "sql"))
        foreign = mixed(*[kind("data", "login", source="far")] * 5)
        episodes = sorted(own + foreign, key=lambda episode: episode.key[::-1])
        login = Criteria(("#login",), "web")
        (finding,) = [found for found in mine(episodes, {login}) if found.criteria == login]
        assert {seen.source for seen in finding.evidence} == {"local", "far"}
        assert sum(seen.successes for seen in finding.evidence if seen.source == "local") == 20
        assert sum(seen.failures for seen in finding.evidence if seen.source == "far") == 100

    @settings(max_examples=25)
    @given(st.data())
    def test_does_not_depend_on_the_order_in_which_episodes_come(self, data):
        places, tags = st.sampled_from(["web", "data", None]), st.sampled_from(["a", "b", "c"])
        drawn = data.draw(st.lists(st.tuples(places, tags, places, st.sampled_from(["local", "far"])), max_size=60))
        episodes = [
            Judged(str(n), float(n // 3), f"{tag}{tag}{tag}", tags=(tag,), right=right, chosen=chosen, source=source)
            for n, (right, tag, chosen, source) in enumerate(drawn)
        ]
        shuffled = data.draw(st.permutations(episodes))
        known = {Criteria(("#a",), "web")}
        assert mine(shuffled, known) == mine(episodes, known)
