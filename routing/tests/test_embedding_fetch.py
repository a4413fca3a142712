"""`embed --fetch-model`: the right files or none."""

from hashlib import sha256
from threading import Event

import pytest
from django.core.management import call_command

from hopper.tests.commands import ask, fail, say
from routing.embedding import get_embedder
from routing.tests.openai_stub import send, serving
from routing.tests.test_embedding import need_onnx
from routing.tests.tiny_onnx import write_model

MODEL, TOKENIZER = b"a model" * 20_000, b"a tokenizer"


class ModelHost:
    """Hands out files by their path; `instead` holds functions of the handler for paths that do something else."""

    def __init__(self):
        self.files = {"/v1/onnx/int8.onnx": MODEL, "/v1/tokenizer.json": TOKENIZER}
        self.instead = {}
        self.asked = []
        self.released = Event()
        self.url = ""

    def respond(self, handler, question):
        self.asked.append(handler.path)
        answer = self.instead.get(handler.path, lambda handler: send(handler, self.files[handler.path]))
        answer(handler)

    def pins(self):
        """Return what settings say of the files."""
        names = {"model.onnx": "onnx/int8.onnx", "tokenizer.json": "tokenizer.json"}
        return {
            name: (path, len(self.files[f"/v1/{path}"]), sha256(self.files[f"/v1/{path}"]).hexdigest())
            for name, path in names.items()
        }


@pytest.fixture
def host(settings, tmp_path):
    with serving(ModelHost()) as served:
        settings.EMBEDDINGS_MODEL_URL, settings.EMBEDDINGS_MODEL_FILES = served.url, served.pins()
        settings.EMBEDDINGS_MODEL_PATH, settings.MODELS_DIR = "", tmp_path / "models"
        yield served


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models" / "all-MiniLM-L6-v2"


def found_in(folder):
    return sorted(path.name for path in folder.iterdir())


def cut(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(TOKENIZER)))
    handler.end_headers()
    handler.wfile.write(TOKENIZER[:5])
    handler.close_connection = True


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(MODEL)


def in_circles(handler):
    send(handler, "", 302, Location=handler.path)


FAULTS = {
    "another file": (lambda handler: send(handler, MODEL[::-1]), "SHA-256 differs"),
    "a page that says sorry": (lambda handler: send(handler, "<html>Sorry</html>"), "SHA-256 differs"),
    "404": (lambda handler: send(handler, "", 404), "answered 404"),
    "500": (lambda handler: send(handler, "", 500), "answered 500"),
    "cut short": (cut, "could not be read"),
    "without end": (endless, "SHA-256 differs"),
    "sent round in circles": (in_circles, "could not be read"),
}


class TestFetchingTheModel:
    def test_puts_the_files_into_their_folder(self, host, folder):
        answer = ask("embed", "--fetch-model")

        assert answer["fetched"] == ["model.onnx", "tokenizer.json"]
        assert answer["folder"] == str(folder)
        assert "EMBEDDINGS_PROVIDER=onnx" in answer["next"]
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
            "model.onnx": MODEL, "tokenizer.json": TOKENIZER,
        }  # fmt: skip

    def test_fetches_only_what_is_not_there(self, host, folder):
        folder.mkdir(parents=True)
        (folder / "tokenizer.json").write_bytes(TOKENIZER)

        assert [ask("embed", "--fetch-model")["fetched"] for _ in range(2)] == [["model.onnx"], []]
        assert host.asked == ["/v1/onnx/int8.onnx"]

    def test_takes_the_folder_that_is_set(self, settings, host, tmp_path):
        settings.EMBEDDINGS_MODEL_PATH = str(tmp_path / "mine")

        assert "fetched: model.onnx, tokenizer.json" in say("embed", "--fetch-model")
        assert found_in(tmp_path / "mine") == ["model.onnx", "tokenizer.json"]

    def test_goes_where_it_is_sent(self, host, folder):
        host.instead["/v1/onnx/int8.onnx"] = lambda handler: send(handler, "", 302, Location="/elsewhere/x.onnx")
        host.instead["/elsewhere/x.onnx"] = lambda handler: send(handler, MODEL)

        ask("embed", "--fetch-model")

        assert (folder / "model.onnx").read_bytes() == MODEL

    @pytest.mark.parametrize(("answer", "sentence"), FAULTS.values(), ids=FAULTS)
    def test_leaves_nothing_behind_when_the_second_file_is(self, host, folder, answer, sentence):
        host.instead["/v1/tokenizer.json"] = answer

        assert sentence in fail("embed", "--fetch-model")[1]
        assert found_in(folder) == []

    def test_says_when_nobody_answers(self, settings, host, folder):
        with serving(ModelHost()) as gone:
            settings.EMBEDDINGS_MODEL_URL = gone.url

        assert "could not be read" in fail("embed", "--fetch-model")[1]
        assert found_in(folder) == []

    def test_overwrites_no_file_of_yours(self, host, folder):
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(b"mine")

        assert "Remove it, or set EMBEDDINGS_MODEL_PATH" in fail("embed", "--fetch-model")[1]
        assert (folder / "model.onnx").read_bytes() == b"mine"
        assert host.asked == []

    def test_says_when_the_folder_cannot_be(self, settings, host, tmp_path):
        (tmp_path / "file").touch()
        settings.EMBEDDINGS_MODEL_PATH = str(tmp_path / "file" / "models")

        assert "cannot be used" in fail("embed", "--fetch-model")[1]

    def test_makes_the_provider_usable_that_lacked_it(self, settings, host, tmp_path):
        need_onnx()
        write_model(tmp_path)
        host.files = {
            "/v1/onnx/int8.onnx": (tmp_path / "model.onnx").read_bytes(),
            "/v1/tokenizer.json": (tmp_path / "tokenizer.json").read_bytes(),
        }
        settings.EMBEDDINGS_MODEL_FILES, settings.EMBEDDINGS_PROVIDER = host.pins(), "onnx"

        call_command("embed", "--fetch-model", "--json", skip_checks=False)

        assert get_embedder().embed(["red"])[0] == pytest.approx([1, 0, 0])

    def test_pins_what_its_publisher_serves(self, settings):
        address, files = settings.EMBEDDINGS_MODEL_URL, settings.EMBEDDINGS_MODEL_FILES

        assert address.startswith("https://")
        assert len(address.rsplit("/", 1)[1]) == 40, "a revision, not a branch that moves"
        assert list(files) == ["model.onnx", "tokenizer.json"]
