"""Whatever the provider does, the task stays usable, its vector is built later, and the bill is right."""

from datetime import timedelta

import pytest
from django.utils import timezone

from hopper.events.models import Delivery, Outage
from hopper.tests.commands import ask
from routing.models import EmbeddingUsage, TaskEmbedding
from routing.operations import embed_all, embed_waiting
from routing.tests.embedders import configured_openai
from routing.tests.openai_stub import OpenAIStub, send, serving
from tasks.operations import submit_task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
MODEL = "text-embedding-ada-002/16"
LONG, SHORT = 30, 0.2  # seconds
AWAY, REFUSED = 0, 1  # how many attempts a delivery has used up


@pytest.fixture
def stub(settings):
    with serving(OpenAIStub(dimension=16)) as served:
        configured_openai(settings, served)
        settings.EMBEDDINGS_TIMEOUT = LONG
        yield served


def trickle(handler, stub):
    handler.send_response(200)
    handler.end_headers()
    while not stub.released.wait(0.01):
        handler.wfile.write(b" ")


def answering(text, status=200, **headers):
    return lambda handler, stub: send(handler, text, status, **headers)


ANSWERS = {
    "nothing": (lambda handler, stub: stub.released.wait(LONG), SHORT, AWAY, 30),
    "without end": (trickle, SHORT, AWAY, 30),
    "429": (answering("{}", 429, Retry_After="7"), LONG, AWAY, 7),
    "500": (answering("{}", 500), LONG, AWAY, 30),
    "400": (answering("{}", 400), LONG, REFUSED, 5),
    "10 MB": (answering(b" " * 10_000_001), LONG, REFUSED, 5),
}
SPOILT = {"a wrong length": [1.0] * 15, "NaN": [float("nan")] * 16, "zeros": [0.0] * 16}


class TestAProviderThatAnswers:
    @pytest.mark.parametrize(("answer", "timeout", "attempts", "pause"), ANSWERS.values(), ids=ANSWERS)
    def test_has_the_work_wait(self, settings, stub, api, answer, timeout, attempts, pause):
        settings.EMBEDDINGS_TIMEOUT = timeout
        stub.answer = lambda handler, question: answer(handler, stub)

        self.comes_later(settings, stub, api, attempts=attempts, pause=pause)

        assert EmbeddingUsage.objects.get().tokens == 10, "of the answers that were given in the end"

    @pytest.mark.parametrize("vector", SPOILT.values(), ids=SPOILT)
    def test_is_paid_for_vectors_that_are_of_no_use(self, settings, stub, api, vector):
        stub.spoil = lambda answer: answer | {"data": [item | {"embedding": vector} for item in answer["data"]]}

        self.comes_later(settings, stub, api, attempts=REFUSED, pause=5)

        assert EmbeddingUsage.objects.get().tokens == 30, "together, each alone, and at last"

    def comes_later(self, settings, stub, api, *, attempts, pause):
        tasks = [submit_task(title=title, actor="ada", route=False) for title in ("Draw a map", "Fold it")]

        assert embed_waiting() == 0

        assert api().get(f"/tasks/{tasks[0].pk}").json()["status"] == "pending"
        for delivery in Delivery.objects.all():
            assert (delivery.status, delivery.attempts) == ("leased", attempts)
            assert delivery.last_error
        again = Outage.objects.values_list("probe_at") or Delivery.objects.values_list("lease_until")
        assert timezone.now() < max(again)[0] < timezone.now() + timedelta(seconds=pause * 1.2)
        settings.EMBEDDINGS_TIMEOUT = LONG
        stub.answer, stub.spoil = None, lambda answer: answer
        Outage.objects.update(probe_at=timezone.now())
        Delivery.objects.update(lease_until=timezone.now())
        assert embed_waiting() == 2
        assert TaskEmbedding.objects.filter(embedding__isnull=False).count() == 2


class TestOneTextThatIsRefused:
    @pytest.fixture(autouse=True)
    def _refuses_what_is_odd(self, stub):
        def answer(handler, question):
            odd = any("odd" in text for text in question["input"])
            send(handler, "{}", 400) if odd else send(handler, stub.json(question))

        stub.answer = answer

    def test_holds_up_no_other(self):
        for title in ("Draw a map", "An odd one", "Fold it"):
            submit_task(title=title, actor="ada", route=False)

        answer = ask("embed")

        assert (answer["embedded"], answer["refused"], answer["waiting"]) == (2, 1, 1)

    def test_does_not_stop_the_sweep(self):
        for title in ("Draw a map", "An odd one", "Fold it"):
            TaskFactory(title=title)

        assert embed_all() == 2


class TestTheBill:
    def test_is_shown_and_adds_up_over_the_day(self, stub):
        paid = []
        for title in ("Draw a map", "Fold it"):
            submit_task(title=title, actor="ada", route=False)
            paid.append(ask("embed"))

        row = EmbeddingUsage.objects.get()

        assert [(answer["tokens"], answer["dollars"]) for answer in paid] == [(5, pytest.approx(5e-7))] * 2
        assert (row.day, row.model, row.texts, row.tokens) == (timezone.now().date(), MODEL, 2, 10)
        assert row.dollars == pytest.approx(10e-7)

    def test_has_no_dollars_where_the_price_is_unknown(self, settings, stub):
        settings.EMBEDDINGS_MODEL = "mine"
        submit_task(title="Draw a map", actor="ada", route=False)

        assert (ask("embed")["dollars"], EmbeddingUsage.objects.get().dollars) == (None, None)

    def test_is_not_written_for_a_model_of_this_machine(self):
        submit_task(title="Draw a map", actor="ada", route=False)

        assert embed_waiting() == 1
        assert not EmbeddingUsage.objects.exists()
