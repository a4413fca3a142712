"""The live stream: every event once and in order, however often it is cut."""

import asyncio
import http.client
import json
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError
from django.test import AsyncClient, AsyncRequestFactory

from hopper.common.keys import create_key, revoke_key
from hopper.events.models import Event
from hopper.events.operations import record_event, stamp_positions
from hopper.events.stream import Hub, Rhythm, follow
from hopper.events.viewsets import EventViewSet
from hopper.tests.processes import answers, free_port, wait_until
from hopper.tests.race import race
from hopper.tests.refusals import refused
from instances.models import Instance
from instances.tests.factories import InstanceFactory

pytestmark = pytest.mark.django_db(transaction=True)
STREAM = "/api/v1/events/stream"
WRITERS, EACH = 4, 60


def patiently(action):
    """Do it again while a table of SQLite in memory is locked: there a reader in another thread keeps writers out."""
    for _ in range(1000):
        try:
            return action()
        except OperationalError as error:
            failure = error
    raise failure


def happen(count=1, key="a", kind="instance.seen"):
    row = patiently(lambda: Instance.objects.filter(pk=key).first() or InstanceFactory(id=key))
    for _ in range(count):
        patiently(lambda: record_event(kind, row, actor="ada"))


later = sync_to_async(happen)


def listen(hub, place=0, heartbeat=15, **wanted):
    rhythm = Rhythm(heartbeat=heartbeat)
    return aclosing(follow(hub, place=place, wanted=wanted, may_go_on=lambda: True, rhythm=rhythm))


async def take(chunks, count):
    """Return the first `count` events as `(position, type, data)`."""
    found = []
    while len(found) < count:
        found += [event for event in map(parsed, (await anext(chunks)).split(b"\n\n")) if event]
    return found


def parsed(text):
    fields = dict(line.split(": ", 1) for line in text.decode().splitlines() if ": " in line)
    return (int(fields["id"]), fields["event"], json.loads(fields["data"])) if "data" in fields else None


def numbers(events):
    return [position for position, _, _ in events]


class TestFollow:
    """One listener, or several of one hub."""

    def test_goes_on_from_what_is_past_to_what_comes(self):
        async def main():
            async with listen(Hub(pause=0.01)) as chunks:
                assert numbers(await take(chunks, 3)) == [1, 2, 3]
                await later(2)
                assert numbers(await take(chunks, 2)) == [4, 5]

        happen(3)
        stamp_positions()
        async_to_sync(main)()

    def test_looks_once_for_all_and_not_at_all_for_nobody(self):
        async def main():
            hub = Hub(pause=3600)
            async with listen(hub) as one, listen(hub) as other:
                both = await asyncio.gather(take(one, 3), take(other, 3))
                assert [numbers(events) for events in both] == [[1, 2, 3]] * 2
                assert (hub.looks, hub.listeners) == (1, 2)
            assert hub.listeners == 0
            await asyncio.sleep(0)  # a turn of the loop, in which the poller ends
            assert asyncio.all_tasks() == {asyncio.current_task()}

        happen(3)
        async_to_sync(main)()

    def test_keeps_little_for_who_reads_slowly_and_loses_nothing(self):
        async def main():
            hub = Hub(pause=0.001, kept=4)
            async with listen(hub) as slow, listen(hub) as quick:
                assert numbers(await take(slow, 1)) == [1]
                for number in range(2, 22):
                    await later()
                    assert number in numbers(await take(quick, 1 if number > 2 else 2))
                assert len(hub.latest) <= 4
                assert numbers(await take(slow, 20)) == list(range(2, 22))

        happen()
        async_to_sync(main)()

    def test_reads_a_long_past_in_pages(self):
        async def main():
            async with listen(Hub(pause=3600)) as chunks:
                sizes = [(await anext(chunks)).count(b"id: ") for _ in range(4)]
                assert sizes == [0, 500, 500, 201]

        happen()
        Event.objects.bulk_create(
            Event(type="told", actor="ada", aggregate_type="a.b", aggregate_id="a", version=n) for n in range(1200)
        )
        stamp_positions()
        async_to_sync(main)()

    def test_is_narrowed_in_the_past_and_live(self):
        async def main():
            async with listen(Hub(pause=0.01), type="instance.lost") as chunks:
                assert numbers(await take(chunks, 1)) == [2]
                await later()
                await later(kind="instance.lost")
                assert numbers(await take(chunks, 1)) == [4]

        happen()
        happen(kind="instance.lost")
        stamp_positions()
        async_to_sync(main)()

    def test_waits_for_a_position_that_is_still_to_come(self):
        async def main():
            async with listen(Hub(pause=0.01), place=4) as chunks:
                assert await anext(chunks) == b"retry: 2000\n\n"
                waiting = asyncio.ensure_future(take(chunks, 1))
                await later(5)
                assert numbers(await waiting) == [5]

        async_to_sync(main)()

    def test_shows_that_it_is_alive(self):
        async def main():
            async with listen(Hub(pause=3600), heartbeat=0) as chunks:
                assert [await anext(chunks) for _ in range(3)] == [b"retry: 2000\n\n", b":\n\n", b":\n\n"]

        async_to_sync(main)()

    def test_ends_when_the_process_is_to_stop(self):
        async def main():
            hub = Hub(pause=3600)
            async with listen(hub) as chunks:
                await anext(chunks)
                rest = asyncio.ensure_future(anext(chunks, "the end"))
                await asyncio.sleep(0)
                hub.close()
                assert await rest == "the end"

        async_to_sync(main)()


def ask(path=STREAM, **headers):
    """Return the answer, and what a stream sends until its first two events."""

    async def main():
        answer = await AsyncClient().get(path, headers=headers)
        if not answer.streaming:
            return answer, []
        async with aclosing(aiter(answer)) as chunks:
            return answer, await take(chunks, 2)

    return async_to_sync(main)()


@pytest.fixture
def bearer():
    _, text = create_key(name="listener", role="viewer")
    return {"authorization": f"Bearer {text}"}


class TestTheDoor:
    def test_sends_events_as_the_list_shows_them(self, api, bearer):
        happen(2)

        answer, events = ask(f"{STREAM}?after=0", accept="text/event-stream", **bearer)

        assert answer["Content-Type"] == "text/event-stream"
        assert (answer["Cache-Control"], answer["X-Accel-Buffering"]) == ("no-store", "no")
        assert [data for _, _, data in events] == api("viewer").get("/events", after=0).json()["results"]
        assert [(place, kind) for place, kind, _ in events] == [(1, "instance.seen"), (2, "instance.seen")]

    def test_goes_on_after_the_last_event_seen_whatever_the_address_says(self, bearer):
        happen(5)

        assert numbers(ask(f"{STREAM}?after=0", last_event_id="3", **bearer)[1]) == [4, 5]

    @pytest.mark.parametrize("place", ["abc", "-1", "1.5", "9" * 30, "²"])
    def test_refuses_what_is_no_position(self, bearer, place):
        said = refused(ask(**bearer, last_event_id=place.encode().decode("latin1"))[0], 400)

        assert said.startswith("Last-Event-ID: Send the `id`")

    def test_refuses_a_filter_that_it_does_not_know(self, bearer):
        assert "search" in refused(ask(f"{STREAM}?search=a", **bearer)[0], 400)

    def test_is_closed_to_strangers_and_to_limited_keys(self):
        _, limited = create_key(name="limited", role="viewer", projects=["sark"])

        refused(ask(authorization="Bearer hop_aaaaaaaaaaaa.wrong")[0], 401)
        assert "limited" in refused(ask(authorization=f"Bearer {limited}")[0], 403)

    def test_says_under_wsgi_that_it_is_elsewhere(self, api):
        answer = api("viewer").http.get(STREAM, headers={"accept": "text/event-stream"})

        assert "manage.py stream" in refused(answer, 404)
        assert answer.json()["code"] == "stream_is_elsewhere"


class TestSomebodyWhoseRightEnds:
    """Looked at again and again, by the same code as at the door."""

    @staticmethod
    def listen_until(request, end):
        view = EventViewSet.as_view({"get": "stream"}, **EventViewSet.stream.kwargs, rhythm=Rhythm(recheck=0))

        async def main():
            answer = await sync_to_async(view)(request)
            async with aclosing(aiter(answer)) as chunks:
                await anext(chunks)
                await later()
                assert numbers(await take(chunks, 1)) == [1]
                await sync_to_async(patiently)(end)
                return [chunk async for chunk in chunks]

        request.session = getattr(request, "session", SessionStore())
        return async_to_sync(main)()

    def test_is_cut_off_with_a_revoked_key(self):
        key, text = create_key(name="listener", role="viewer")
        request = AsyncRequestFactory().get(STREAM, headers={"authorization": f"Bearer {text}"})
        request.user = AnonymousUser()

        assert self.listen_until(request, lambda: revoke_key(key=key)) == []

    def test_is_cut_off_with_an_ended_session(self, client):
        ada = get_user_model().objects.create_user("ada", is_staff=True)
        client.force_login(ada)
        request = AsyncRequestFactory().get(STREAM)
        request.session, request.user = client.session, ada

        assert self.listen_until(request, client.logout) == []


def stream_process(processes, port):
    program = processes.start(sys.executable, "manage.py", "stream", "--port", str(port))
    wait_until(lambda: answers(port), "the stream")
    return program


def events_of(port, bearer, place):
    """Yield the positions after the place until the connection ends."""
    caller = http.client.HTTPConnection("127.0.0.1", port, timeout=100)
    caller.request("GET", STREAM, headers={**bearer, "Last-Event-ID": str(place)})
    answer = caller.getresponse()
    assert answer.status == 200
    text = b""
    while piece := answer.read1(300):  # which raises IncompleteRead where the server was killed
        *whole, text = (text + piece).split(b"\n\n")
        yield from numbers(filter(None, map(parsed, whole)))


@pytest.mark.processes
class TestAStreamThatIsKilled:
    def test_is_gone_on_with_while_writers_go_on(self, processes, shared_url, bearer):
        for number in range(WRITERS):
            InstanceFactory(id=f"row-{number}")
        url, port = shared_url(), free_port()
        processes.environment["DATABASE_URL"] = url
        program = stream_process(processes, port)
        seen = [0]
        with ThreadPoolExecutor(1) as beside:
            written = beside.submit(race, "hopper.events.tests.tellers", url, each=EACH)
            while len(seen) <= WRITERS * EACH:
                try:
                    for position in events_of(port, bearer, seen[-1]):
                        seen.append(position)
                        if len(seen) in (20, 120):
                            processes.kill(program)
                            program = stream_process(processes, port)
                        if len(seen) > WRITERS * EACH:
                            break
                except (http.client.HTTPException, ConnectionError):
                    continue
            assert written.result() == [EACH] * WRITERS

        assert seen == list(range(WRITERS * EACH + 1))

    def test_ends_its_streams_when_it_is_asked_to_stop(self, processes, shared_url, bearer):
        happen()
        processes.environment["DATABASE_URL"] = shared_url()
        port = free_port()
        program = stream_process(processes, port)

        listener = events_of(port, bearer, 0)
        assert next(listener) == 1
        program.send_signal(signal.SIGTERM)

        assert list(listener) == []
        assert program.wait(60) == 0
