import io
import pickle
from dataclasses import replace

import numpy as np
import pytest

from routing.learning.fit import EACH_ENOUGH, MEANING_LOOSENESS, fit
from routing.learning.memory import Memory
from routing.learning.model import Arrays, Model, Reading
from routing.learning.pool import EXPERTS, calibration_error
from routing.learning.recall import Lesson
from routing.tests.factories import TOPICS


def lesson(text, project, episode):
    return Lesson.of(episode=episode, text=text, project=project, reliability=1.0)


def examples(copies, topics=TOPICS):
    return [
        lesson(f"{text} again {number}", project, f"{project}-{number}-{text}")
        for number in range(copies)
        for project, texts in topics.items()
        for text in texts
    ]


def meant(chance, way):
    """Return a meaning that tells its way in one number of eight, and in a quiet voice."""
    loud = np.append(way, chance.normal(size=7)).astype(np.float32)
    return loud / np.linalg.norm(loud)


def meant_lesson(episode, project, meaning):
    """Return an example that differs from others in meaning alone."""
    return Lesson.of(episode=episode, text="same words", project=project, reliability=1.0, meaning=meaning)


def ask(model, text):
    prediction = Memory(model).predict(text)
    return dict(zip(prediction.projects, prediction.shares, strict=True)), prediction


def shared(one, other):
    counts = dict(zip(other.features.tolist(), other.counts.tolist(), strict=True))
    return sum(
        counts.get(feature, 0) * n for feature, n in zip(one.features.tolist(), one.counts.tolist(), strict=True)
    )


class TestAFittedModel:
    def test_knows_where_like_tasks_belong(self):
        shares, said = ask(Model(fit(examples(5))[0]), "the checkout page shows an error")
        assert max(shares, key=shares.get) == "web"
        assert sum(shares.values()) == pytest.approx(1)
        assert said.neighbours[0]["similarity"] > 0.4

    def test_has_a_linear_expert_once_places_have_five_examples_on_average(self):
        assert not Model(fit(examples(1))[0]).has_linear
        assert Model(fit(examples(2))[0]).has_linear

    def test_goes_by_meaning_before_words_while_examples_are_few(self):
        one, other = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
        learned = [
            Lesson.of(episode=name, text=text, project=name, reliability=1.0, meaning=meaning)
            for name, text, meaning in [("web", "login page", one), ("data", "invoice table", other)]
        ]
        memory = Memory(Model(fit(learned, encoder="any")[0]))
        said = memory.predict("login page of the table", other)
        assert said.projects[int(said.shares.argmax())] == "data"

    def test_learns_which_part_of_the_meaning_tells_places_apart(self):
        chance, ways = np.random.default_rng(0), {"web": 0.7, "data": -0.7, "site": 0.0}
        learned = [
            Lesson.of(
                episode=f"{name}{n}", text="same words", project=name, reliability=1.0, meaning=meant(chance, way)
            )
            for name, way in ways.items()
            for n in range(30)
        ]
        model = Model(fit(learned, encoder="any")[0])
        asked = [(name, meant(chance, ways[name])) for name in ("web", "data") for _ in range(50)]
        right = [model.projects[int(model.by_meaning(meaning).argmax())] == name for name, meaning in asked]
        assert np.mean(right) > 0.9

    def test_is_as_sure_between_two_places_as_logistic_regression(self):
        chance = np.random.default_rng(0)
        learned = [
            meant_lesson(f"{name}{n}", name, meant(chance, way))
            for name, way in (("a", -0.5), ("b", 0.5))
            for n in range(30)
        ]
        model = Model(fit(learned, encoder="any")[0])
        meanings = np.array([one.reading.meaning for one in learned])
        missed = [(one.project == "b") - np.exp(model.by_meaning(one.reading.meaning))[1] for one in learned]
        planes = model.arrays.logistic.astype(float)
        # where penalised log-loss is least: Σ (y - p) x = w / C
        assert meanings.T @ missed == pytest.approx((planes[:, 1] - planes[:, 0]) / MEANING_LOOSENESS, abs=0.02)

    def test_weighs_the_linear_model_from_the_first_time_that_there_is_one(self):
        learned = [lesson(f"word{n} thing{k}", f"place{n}", f"e{n}-{k}") for k in range(EACH_ENOUGH) for n in range(10)]
        assert fit(learned)[1]["pool"]["linear"] not in (0.0, 1.0)

    def test_works_with_two_places_and_with_one(self):
        two = {name: TOPICS[name] for name in ("web", "data")}
        shares, _ = ask(Model(fit(examples(4, two))[0]), "invoice import fails")
        assert shares["data"] > shares["web"]
        one = Model(fit(examples(4, {"web": TOPICS["web"]}))[0])
        assert ask(one, "login page")[0] == {"web": 1.0}

    def test_is_the_same_for_the_same_examples(self):
        first, second = (fit(examples(10))[0].to_bytes() for _ in range(2))
        assert first == second

    def test_chooses_pool_and_gate_on_held_out_examples(self):
        arrays, metrics = fit(examples(40))
        assert metrics["held_out"] >= 50
        assert metrics["accuracy"] > 0.95
        assert metrics["pool"] == dict(zip(EXPERTS, arrays.pool.round(4), strict=True))
        assert (metrics["examples"], metrics["projects"]) == (360, 3)

    def test_is_as_sure_as_the_newest_examples_of_each_place_allow(self):
        before, after = examples(100), examples(25)
        moved = [replace(late, project={"web": "data", "data": "web"}.get(late.project)) for late in after]
        learned = [*before, *(late for late in moved if late.project)]
        assert fit(learned)[1]["accuracy"] < 0.5

    def test_holds_out_one_of_every_place_that_has_few(self):
        many = [lesson(f"word{n % 750} again", f"place{n % 750}", f"e{n}") for n in range(3000)]
        assert fit(many)[1]["held_out"] == 750

    def test_reads_a_title_twice(self):
        title = Reading.of("login page")
        assert shared(Reading.of("login page\nso it is"), title) > shared(Reading.of("so it is\nlogin page"), title)

    def test_finds_what_it_was_taught_familiar_and_nothing_else(self):
        model = Model(fit(examples(4))[0])
        for text, is_known in [("login page shows an error", True), ("zzz qqq", False), ("日本語", False)]:
            assert ask(model, text)[1].is_known is is_known

    def test_knows_what_is_near_examples_that_are_all_alike(self):
        names = {"web": "login page", "data": "invoice table"}
        learned = [lesson(f"{text} {n}", name, f"{name}{n}") for name, text in names.items() for n in range(30)]
        model = Model(fit(learned)[0])
        for text, is_known in [("login page is slow", True), ("the disk is full", False)]:
            assert ask(model, text)[1].is_known is is_known

    def test_has_no_neighbour_for_a_text_that_shares_nothing(self):
        shares, said = ask(Model(fit(examples(4))[0]), "日本語")
        assert said.neighbours == ()
        assert max(shares.values()) < 0.5

    @pytest.mark.parametrize("text", ["", "🎉", "x"])
    def test_can_be_fitted_to_texts_without_words(self, text):
        learned = [lesson(text, name, f"{name}-{number}") for number in range(20) for name in ("web", "data")]
        assert sum(ask(Model(fit(learned)[0]), "anything")[0].values()) == pytest.approx(1)

    def test_can_be_fitted_to_a_single_example(self):
        arrays, metrics = fit([lesson("login", "web", "e")])
        assert (arrays.projects.tolist(), metrics["examples"]) == (["web"], 1)

    def test_takes_no_other_text_for_its_own_when_it_knows_one_place_alone(self):
        model = Model(fit([lesson("login page shows an error", "web", "e")])[0])
        for text, is_known in [("login error", True), ("invoice table needs an index", False), ("日本語", False)]:
            shares, said = ask(model, text)
            assert (shares, said.is_known) == ({"web": 1.0}, is_known)


class TestArrays:
    def test_come_back_from_bytes_as_they_were(self):
        arrays, _ = fit(examples(4))
        back = Arrays.from_bytes(arrays.to_bytes())
        assert back.to_bytes() == arrays.to_bytes()
        assert ask(Model(back), "login page")[0] == ask(Model(arrays), "login page")[0]

    def test_refuse_objects_and_so_pickles(self):
        arrays, _ = fit(examples(1))
        stream = io.BytesIO()
        np.savez(stream, **{**vars(arrays), "projects": np.array([{"web": 1}], dtype=object)})
        with pytest.raises(ValueError, match="allow_pickle=False"):
            Arrays.from_bytes(stream.getvalue())

    def test_refuse_a_bare_pickle(self):
        with pytest.raises(ValueError, match="pickle"):
            Arrays.from_bytes(pickle.dumps({"projects": ["web"]}))


class TestTheCalibrationError:
    def test_is_the_mean_gap_between_sureness_and_being_right(self):
        sure = np.array([0.9, 0.9, 0.9, 0.9, 0.3, 0.3])
        right = np.array([True, True, True, False, False, False])
        assert calibration_error(sure, right) == pytest.approx((4 * 0.15 + 2 * 0.3) / 6)
        assert calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0
