"""Learning from what texts mean, with an encoder of three words: red, blue, and all others."""

import numpy as np
import pytest

from feedback.operations import import_confirmed, record_feedback
from routing.embedding import get_embedder
from routing.models import LearnedState
from routing.operations import embed_all, loading, refit, refit_if_due, route_task, suggest_for
from routing.tests.embedders import configured
from routing.tests.factories import make_projects, teach
from routing.tests.tiny_onnx import TABLE, write_model
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.django_db


@pytest.fixture
def encoder(settings, tmp_path):
    """The tiny encoder, configured for decisions."""
    write_model(tmp_path)
    return configured(settings, "onnx", EMBEDDINGS_MODEL_PATH=str(tmp_path))


@pytest.fixture
def taught(encoder):
    """Two projects whose tasks differ in what they mean: red or blue, and in no word besides."""
    projects = dict(zip(("warm", "cold"), make_projects("warm", "cold"), strict=True))
    rows = [
        {"title": " ".join([colour] * times), "project": projects[name]}
        for name, colour in (("warm", "red"), ("cold", "blue"))
        for times in range(1, 11)
    ]
    import_confirmed(rows=rows, actor="ada")
    return refit()


def recorded(title):
    return suggest_for(task=Task(title=title)).evidence["experts"]


class TestBothViews:
    def test_are_learned_and_asked_where_the_encoder_is_in_process(self, taught, encoder):
        assert taught.metrics["encoder"] == encoder.model
        said = recorded("red")["said"]
        assert said["meaning_neighbours"][0] > said["meaning_neighbours"][1]
        assert route_task(task=TaskFactory(title="blue")).project_id == "cold"

    def test_count_for_lessons_after_the_fit(self, taught):
        teach(make_projects("purple")[0], "red blue")
        assert suggest_for(task=Task(title="blue red")).best.project == "purple"

    def test_take_stored_vectors_as_they_are(self, taught):
        embed_all()
        state = refit()
        arrays = loading.load_knowledge().memory.model.arrays
        assert (state.number, arrays.vectors.shape) == (2, (20, TABLE.shape[1]))
        assert np.linalg.norm(arrays.vectors.astype(float), axis=1) == pytest.approx(np.ones(20), abs=1e-3)

    def test_read_a_text_without_words_as_words_alone(self, taught):
        assert suggest_for(task=Task(title="!!!")).outcome == "abstained"


class TestOneView:
    def test_is_what_a_provider_elsewhere_leaves(self, settings):
        configured(settings, "hashing")
        teach(make_projects("web")[0], *(f"login {n}" for n in range(20)))
        assert refit_if_due().metrics["encoder"] == ""
        assert set(recorded("login")["said"]["meaning_neighbours"]) == {0.0}

    @pytest.mark.parametrize("change", ["another model", "no model", "another provider"])
    def test_is_what_decisions_go_by_until_the_fit_knows_the_new_encoder(self, taught, settings, tmp_path, change):
        if change == "another model":
            (tmp_path / "new").mkdir()
            write_model(tmp_path / "new", TABLE + 1)
            settings.EMBEDDINGS_MODEL_PATH = str(tmp_path / "new")
        elif change == "no model":
            settings.EMBEDDINGS_MODEL_PATH = str(tmp_path / "nowhere")
        else:
            settings.EMBEDDINGS_PROVIDER = "hashing"
        assert set(recorded("red")["said"]["meaning_neighbours"]) == {0.0}
        assert route_task(task=TaskFactory(title="red red")).project_id == "warm"
        assert refit_if_due().metrics["encoder"] == (get_embedder().model if change == "another model" else "")
        assert refit_if_due() is None

    def test_of_a_judgement_made_meanwhile_is_learned_too(self, taught, settings):
        settings.EMBEDDINGS_PROVIDER = "hashing"
        task = TaskFactory(title="red red")
        route_task(task=task)
        record_feedback(task=task, was_good_match=False, should_have_routed_to="cold", actor="ada")
        assert loading.load_knowledge().memory.lessons[task.decision.episode_id].reading.meaning is None
        assert LearnedState.objects.count() == 1
