import gzip
import json

import pytest

from routing.embedding import EmbeddingFailed, Usage, get_embedder
from routing.embedding.base import Configuration
from routing.tests.embedders import configured, configured_openai
from routing.tests.openai_stub import OpenAIStub, send, serving


@pytest.fixture
def stub():
    with serving(OpenAIStub(dimension=16)) as served:
        yield served


@pytest.fixture
def openai(settings, stub):
    return configured_openai(settings, stub)


class TestOpenAI:
    def test_sends_batches_of_the_size_set(self, settings, stub, openai):
        settings.EMBEDDINGS_BATCH_SIZE = 2

        get_embedder().embed(["one", "two", "three", "", "four", "five"])

        assert [question["input"] for question in stub.questions] == [["one", "two"], ["three", "four"], ["five"]]

    def test_sends_no_more_tokens_at_once_than_the_service_takes(self, stub, openai):
        openai.embed(["word " * 6_400] * 40)

        assert [len(question["input"]) for question in stub.questions] == [31, 9]

    @pytest.mark.parametrize(("letter", "kept"), [("x", 32_000), ("語", 8_000)])
    def test_cuts_a_long_text(self, stub, openai, letter, kept):
        openai.embed([letter * 100_000])

        assert stub.questions[0]["input"] == [letter * kept]

    def test_asks_for_a_shorter_vector_where_the_model_can(self, settings, stub, openai):
        openai.embed(["one"])
        configured(
            settings, "openai", OPENAI_BASE_URL=stub.url, EMBEDDINGS_MODEL="text-embedding-3-small",
        ).embed(["one"])  # fmt: skip

        assert [question.get("dimensions") for question in stub.questions] == [None, 16]

    def test_understands_a_server_that_sends_lists(self, stub, openai):
        expected = openai.embed(["one"])
        stub.answer = lambda handler, question: send(
            handler, json.dumps(stub.vectors(question | {"encoding_format": "float"}))
        )

        assert openai.embed(["one"]) == pytest.approx(expected)

    def test_counts_the_tokens_and_their_price(self, stub, openai):
        openai.embed(["one", "two"])
        openai.embed(["three"])

        assert openai.take_usage() == Usage(texts=3, tokens=15, dollars=pytest.approx(15 / 1e6 * 0.10))
        assert openai.take_usage() == Usage()

    def test_counts_what_was_paid_for_a_wrong_answer(self, stub, openai):
        stub.spoil = lambda answer: answer | {"data": answer["data"][1:]}

        with pytest.raises(EmbeddingFailed):
            openai.embed(["one", "two"])

        assert openai.take_usage().tokens == 10

    @pytest.mark.parametrize(
        "usage", [None, {}, {"total_tokens": "5"}, {"total_tokens": -5}, {"total_tokens": 10**30}, 5], ids=str
    )
    def test_lives_without_a_count_of_tokens(self, stub, openai, usage):
        stub.spoil = lambda answer: answer | {"usage": usage}

        assert openai.embed(["one"]).any()
        assert openai.take_usage() == Usage(texts=1)

    def test_has_no_price_for_a_model_it_does_not_know(self, settings, stub, openai):
        unknown = configured(settings, "openai", OPENAI_BASE_URL=stub.url, EMBEDDINGS_MODEL="mine")

        assert unknown.take_usage().dollars is None

    def test_shows_its_key_to_nobody(self, openai):
        assert "secret-key" not in repr(Configuration.from_settings())


def spoilt(**changes):
    """Return a function that changes the first vector of an answer."""
    return lambda answer: answer | {"data": [answer["data"][0] | changes, *answer["data"][1:]]}


WRONG_ANSWERS = {
    "fewer vectors": lambda answer: answer | {"data": answer["data"][1:]},
    "more vectors": lambda answer: answer | {"data": answer["data"] * 2},
    "an index twice": spoilt(index=0),
    "an index that is none": spoilt(index=[1]),
    "no index": lambda answer: answer | {"data": [{"embedding": [1.0] * 16}] * 2},
    "a wrong length": spoilt(embedding=[1.0] * 15),
    "NaN": spoilt(embedding=[float("nan")] * 16),
    "infinity": spoilt(embedding=[float("inf")] * 16),
    "null": spoilt(embedding=[None] * 16),
    "zeros": spoilt(embedding=[0.0] * 16),
    "words": spoilt(embedding=["one"] * 16),
    "half a float": spoilt(embedding="AAAA"),
    "no base64": spoilt(embedding="é!"),
    "no vectors": lambda answer: {},
    "data that is null": lambda answer: answer | {"data": None},
    "a list": lambda answer: [],
    "a number": lambda answer: 1,
}


class TestAnOpenAIServerThatAnswersWrong:
    """These texts cannot be embedded now; the provider as a whole is not away."""

    @pytest.mark.parametrize("spoil", WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
    def test_is_not_believed(self, stub, openai, spoil):
        stub.spoil = spoil

        with pytest.raises(EmbeddingFailed) as failed:
            openai.embed(["one", "two"])

        assert not failed.value.is_outage
        assert len(stub.questions) == 1

    @pytest.mark.parametrize("number", [1e39, 1e300, 1e-300])
    def test_may_send_any_finite_number(self, stub, openai, number):
        stub.spoil = spoilt(embedding=[number] * 16)

        assert openai.embed(["one"])[0] == pytest.approx(0.25)

    @pytest.mark.parametrize("body", ["", "<html>busy</html>", "[" * 100_000], ids=["nothing", "html", "deep"])
    def test_may_send_anything(self, stub, openai, body):
        stub.answer = lambda handler, question: send(handler, body)

        with pytest.raises(EmbeddingFailed) as failed:
            openai.embed(["one"])

        assert not failed.value.is_outage

    @pytest.mark.parametrize("status", [200, 500])
    def test_is_not_read_past_ten_megabytes(self, stub, openai, status):
        stub.answer = lambda handler, question: send(handler, " " * 10_000_001, status)

        with pytest.raises(EmbeddingFailed, match="10,000,000 bytes"):
            openai.embed(["one"])

    def test_is_not_unpacked(self, stub, openai):
        def packed(handler, question):
            send(handler, gzip.compress(b" " * 20_000_000).decode("latin-1"), Content_Encoding="gzip")

        stub.answer = packed

        with pytest.raises(EmbeddingFailed, match="compressed"):
            openai.embed(["one"])

    def test_may_refuse_the_texts(self, stub, openai):
        stub.answer = lambda handler, question: send(handler, '{"error": {"message": "too long"}}', 400)

        with pytest.raises(EmbeddingFailed, match="400") as failed:
            openai.embed(["one"])

        assert not failed.value.is_outage

    def test_is_asked_again_next_time(self, stub, openai):
        stub.spoil = spoilt(embedding=[])
        with pytest.raises(EmbeddingFailed):
            openai.embed(["one"])
        stub.spoil = lambda answer: answer

        assert openai.embed(["one"]).any()


class TestAnOpenAIServerThatIsAway:
    """Nothing is wrong with the texts; whoever carries them waits."""

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [("7", 7), ("0.5", 0.5), ("-3", 0), ("inf", 3600), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", None),
         ("nan", None), (None, None)],
    )  # fmt: skip
    def test_may_say_when_to_come_back(self, stub, openai, header, seconds):
        headers = {"Retry_After": header} if header else {"x_should_retry": "false"}
        stub.answer = lambda handler, question: send(handler, "{}", 429, **headers)

        with pytest.raises(EmbeddingFailed, match="429") as failed:
            openai.embed(["one"])

        assert (failed.value.is_outage, failed.value.retry_after) == (True, seconds)
        assert len(stub.questions) == 1

    @pytest.mark.parametrize("status", [302, 401, 404])
    def test_may_be_the_wrong_server_or_key(self, stub, openai, status):
        stub.answer = lambda handler, question: send(handler, "{}", status, Location="/elsewhere")

        with pytest.raises(EmbeddingFailed, match=str(status)) as failed:
            openai.embed(["one"])

        assert failed.value.is_outage
        assert len(stub.questions) == 1

    def test_is_asked_twice_after_an_error_of_its_own(self, stub, openai):
        stub.answer = lambda handler, question: send(handler, "{}", 500)

        with pytest.raises(EmbeddingFailed, match="500") as failed:
            openai.embed(["one"])

        assert (failed.value.is_outage, failed.value.retry_after) == (True, None)
        assert len(stub.questions) == 2

    def test_may_never_answer(self, settings, stub, openai):
        settings.EMBEDDINGS_TIMEOUT = 0.1
        stub.answer = lambda handler, question: stub.released.wait(30)

        with pytest.raises(EmbeddingFailed, match="away") as failed:
            get_embedder().embed(["one"])

        assert failed.value.is_outage

    def test_may_answer_without_end(self, settings, stub, openai):
        def trickle(handler, question):
            handler.send_response(200)
            handler.end_headers()
            while not stub.released.wait(0.01):
                handler.wfile.write(b" ")

        settings.EMBEDDINGS_TIMEOUT = 0.2
        stub.answer = trickle

        with pytest.raises(EmbeddingFailed, match="away") as failed:
            get_embedder().embed(["one"])

        assert failed.value.is_outage

    def test_may_be_gone(self, settings):
        with serving(OpenAIStub(dimension=16)) as gone:
            pass

        with pytest.raises(EmbeddingFailed, match="away") as failed:
            configured(settings, "openai", OPENAI_BASE_URL=gone.url).embed(["one"])

        assert failed.value.is_outage
