import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from django.conf import settings as project
from django.core.checks import run_checks

from routing.embedding import EmbeddingFailed, get_embedder, pad
from routing.tests.embedders import configured, configured_openai
from routing.tests.openai_stub import OpenAIStub, serving
from routing.tests.tiny_onnx import TABLE, write_model

MINILM = project.BASE_DIR.parent / "shared" / "models" / "all-MiniLM-L6-v2"
TEXTS = ["Draw a map of the harbour", "Fix the build", "naïve 日本語 🎉", "a", "x" * 50_000, "odd \ud800 \x00 one"]


def need_onnx():
    if find_spec("onnxruntime") is None or find_spec("tokenizers") is None:
        pytest.skip("Needs onnxruntime: pip install -r requirements-extra.txt")


@pytest.fixture
def stub():
    with serving(OpenAIStub(dimension=16)) as served:
        yield served


@pytest.fixture
def openai(settings, stub):
    return configured_openai(settings, stub)


@pytest.fixture
def tiny(settings, tmp_path):
    """The ONNX adapter with a model of three words."""
    need_onnx()
    write_model(tmp_path)
    return configured(settings, "onnx", EMBEDDINGS_MODEL_PATH=str(tmp_path))


@pytest.fixture
def minilm(settings):
    need_onnx()
    if not MINILM.is_dir():
        pytest.skip("Needs all-MiniLM-L6-v2 in ../shared/models beside the checkout")
    return configured(settings, "onnx", EMBEDDINGS_MODEL_PATH=str(MINILM))


@pytest.fixture
def hashing(settings):
    return configured(settings, "hashing", EMBEDDINGS_DIMENSION=1536)


@pytest.fixture
def narrow(settings):
    """The hashing adapter with so few dimensions that features cancel."""
    return configured(settings, "hashing", EMBEDDINGS_DIMENSION=1)


@pytest.fixture(params=["hashing", "narrow", "openai", "tiny", "minilm"])
def embedder(request):
    return request.getfixturevalue(request.param)


class TestEveryEmbedder:
    """What Hopper relies on; an adapter joins the list instead of getting tests of its own."""

    def test_gives_a_unit_vector_for_each_text(self, embedder):
        vectors = embedder.embed(TEXTS)

        assert vectors.shape == (len(TEXTS), embedder.dimension)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)

    @pytest.mark.parametrize("text", ["", "   \n", "!? … 🎉", "\ud800"], ids=ascii)
    def test_gives_zeros_for_a_text_without_words(self, embedder, text):
        vectors = embedder.embed(["red", text])

        assert vectors[0].any()
        assert not vectors[1].any()

    def test_gives_no_rows_for_no_texts(self, embedder):
        assert embedder.embed([]).shape == (0, embedder.dimension)

    def test_gives_equal_texts_equal_vectors_whatever_stands_beside_them(self, embedder):
        alone, beside = embedder.embed(["Fix the build"]), embedder.embed([*TEXTS, "Fix the build"])

        assert alone[0].tolist() == beside[1].tolist() == beside[-1].tolist()

    def test_keeps_the_order_of_the_texts(self, embedder):
        assert embedder.embed(TEXTS[::-1]).tolist() == embedder.embed(TEXTS)[::-1].tolist()

    def test_takes_a_text_whose_words_come_late(self, embedder):
        assert embedder.embed(["." * 5_000 + " red"]).shape == (1, embedder.dimension)

    def test_names_its_provider_and_its_model_for_the_column(self, embedder):
        assert embedder.name == project.EMBEDDINGS_PROVIDER
        assert 0 < len(embedder.model) <= 100


class TestTheConfiguredEmbedder:
    def test_is_made_once(self, hashing):
        assert get_embedder() is hashing

    def test_is_another_when_settings_change(self, settings, hashing):
        assert configured(settings, "hashing", EMBEDDINGS_DIMENSION=64).dimension == 64

    @pytest.mark.parametrize(("provider", "named"), [("oracle", "hashing"), ("onnx", "embed --fetch-model")])
    def test_fails_as_a_whole_with_what_to_set(self, settings, provider, named):
        with pytest.raises(EmbeddingFailed, match=named) as failed:
            configured(settings, provider)

        assert failed.value.is_outage

    def test_names_another_model_when_vectors_change(self, settings, stub):
        def model(**others):
            return configured(settings, "openai", OPENAI_BASE_URL=stub.url, **others).model

        names = [model(), model(EMBEDDINGS_DIMENSION=8), model(EMBEDDINGS_MODEL="m" * 200)]

        assert len(set(names)) == 3
        assert model(EMBEDDINGS_MODEL="m" * 199 + "n") not in names

    @pytest.mark.skipif(find_spec("sentence_transformers") is not None, reason="sentence-transformers is installed")
    def test_says_what_to_type_when_a_package_is_missing(self, settings):
        with pytest.raises(EmbeddingFailed, match="pip install sentence-transformers"):
            configured(settings, "sentence-transformers")


class TestHashing:
    def test_is_the_same_in_another_process(self, hashing):
        code = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "hopper.settings"
django.setup()
from routing.embedding import get_embedder
print(get_embedder().embed(["Fix the build"])[0].tobytes().hex())
"""
        environment = os.environ | {"PYTHONHASHSEED": "7", "EMBEDDINGS_PROVIDER": "hashing"}
        told = subprocess.run(
            [sys.executable, "-c", code], cwd=project.BASE_DIR, env=environment, capture_output=True, text=True,
            check=True,
        )  # fmt: skip

        assert told.stdout.strip() == hashing.embed(["Fix the build"])[0].tobytes().hex()

    def test_brings_similar_texts_near(self, hashing):
        one, near, far = hashing.embed(["Fix the login page", "The login page needs a fix", "Order more paper"])

        assert one @ near > 0.5 > 0.1 > one @ far


class TestOnnx:
    def test_takes_the_mean_of_the_tokens(self, tiny):
        mean = (TABLE[1] + TABLE[2]) / 2

        assert tiny.embed(["red blue"])[0] == pytest.approx(mean / np.linalg.norm(mean))

    def test_reads_the_first_256_tokens(self, tiny):
        assert tiny.embed(["red " * 256 + "blue " * 256])[0] == pytest.approx([1, 0, 0])

    def test_knows_the_meaning_of_other_words(self, minilm):
        one, *others = minilm.embed(["That is a happy person", "That is a very happy person", "Today is a sunny day"])

        assert minilm.dimension == 384
        assert [one @ other for other in others] == pytest.approx([0.943, 0.257], abs=0.05)  # as its publisher says

    def test_has_the_digest_of_the_model_in_its_name(self, settings, tiny, tmp_path):
        def model_in(parent, table):
            folder = tmp_path / parent / tmp_path.name
            folder.mkdir(parents=True)
            write_model(folder, table)
            return configured(settings, "onnx", EMBEDDINGS_MODEL_PATH=str(folder)).model

        assert model_in("same", TABLE) == tiny.model != model_in("changed", TABLE + 1)

    def test_refuses_a_file_that_is_not_a_model(self, settings, tiny, tmp_path):
        broken = tmp_path / "broken"
        broken.mkdir()
        write_model(broken)
        (broken / "model.onnx").write_text("<html>Not found</html>")

        with pytest.raises(EmbeddingFailed, match="not a model"):
            configured(settings, "onnx", EMBEDDINGS_MODEL_PATH=str(broken))


class TestPadding:
    def test_fills_up_with_zeros(self):
        assert pad(np.ones((2, 3), np.float32), 5).tolist() == [[1, 1, 1, 0, 0]] * 2

    def test_leaves_vectors_of_full_width_alone(self):
        assert pad(np.ones((1, 3), np.float32), 3).tolist() == [[1, 1, 1]]

    def test_refuses_what_does_not_fit(self):
        with pytest.raises(EmbeddingFailed, match="column of 2"):
            pad(np.ones((1, 3), np.float32), 2)


class TestTheSystemCheck:
    def found(self):
        return [(message.id, message.msg, message.hint) for message in run_checks() if "hopper.E03" in str(message.id)]

    def test_says_nothing_about_the_default(self, hashing):
        assert self.found() == []

    def test_reports_an_unknown_provider(self, settings):
        settings.EMBEDDINGS_PROVIDER = "oracle"

        [(number, text, hint)] = self.found()

        assert (number, text) == ("hopper.E030", "EMBEDDINGS_PROVIDER=oracle is unknown.")
        assert "hashing, openai, onnx, sentence-transformers" in hint

    @pytest.mark.skipif(find_spec("sentence_transformers") is not None, reason="sentence-transformers is installed")
    def test_reports_a_missing_package(self, settings):
        settings.EMBEDDINGS_PROVIDER = "sentence-transformers"

        [(number, _, hint)] = self.found()

        assert (number, hint) == ("hopper.E031", "Type: pip install sentence-transformers")

    def test_reports_a_missing_model(self, settings, tiny, tmp_path):
        (tmp_path / "tokenizer.json").unlink()

        [(number, text, hint)] = self.found()

        assert number == "hopper.E032"
        assert str(tmp_path) in text
        assert "python manage.py embed --fetch-model" in hint

    def test_reports_vectors_that_are_too_long(self, settings):
        settings.EMBEDDINGS_PROVIDER, settings.EMBEDDINGS_DIMENSION = "hashing", 3072

        assert [number for number, _, _ in self.found()] == ["hopper.E033"]

    def test_says_nothing_about_a_model_that_fits(self, tiny):
        assert self.found() == []
