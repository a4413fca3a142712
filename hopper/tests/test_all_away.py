"""Neo4j, Redis and the embedding service are all away: work goes on as if they were there."""

import pytest

from hopper.common.keys import create_key
from hopper.tests.caller import Caller
from hopper.tests.processes import free_port
from projects.tests.factories import ProjectFactory

pytestmark = [pytest.mark.processes, pytest.mark.untraced]

NEWS = "SELECT COUNT(*) FROM deliveries WHERE consumer = '{}' AND status = 'pending' AND attempts = 0"
TASKS = 20


@pytest.fixture
def hopper_alone(processes, shared_url):
    """Give a function that serves the API with every side system configured and none of them there."""
    away = f"127.0.0.1:{free_port()}"
    processes.environment |= {
        "REDIS_URL": f"redis://{away}/0", "NEO4J_URL": f"bolt://{away}", "EMBEDDINGS_PROVIDER": "openai",
        "EMBEDDINGS_MODEL": "", "OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"http://{away}",
    }  # fmt: skip

    def serve(key):
        processes.environment["DATABASE_URL"] = shared_url()
        return Caller(processes.web(), key)

    return serve


def live(call, number):
    """Take one task through its life; return what each step answered and where the task stood."""
    status, task = call("POST", "/tasks", title=f"Draw map {number}", tags=["maps"], project="atlas")
    steps = [(status, task["status"])]
    claim = call("POST", f"/tasks/{task['id']}/claim")
    fence = claim[1]["fence"]
    ends = [call("POST", f"/tasks/{task['id']}/{verb}", fence=fence) for verb in ("start", "complete")]
    return [*steps, (claim[0], claim[1]["task"]["status"]), *((code, after["status"]) for code, after in ends)]


class TestHopperAlone:
    def test_takes_in_routes_hands_out_and_completes(self, hopper_alone, rows_of):
        ProjectFactory(name="atlas")
        _, key = create_key(name="ada", role="operator")
        call = hopper_alone(key)
        for number in range(TASKS):
            assert live(call, number) == [
                (201, "routed"), (200, "claimed"), (200, "in_progress"), (200, "completed")
            ]  # fmt: skip
        for consumer in ("embedding", "graph"):
            assert rows_of(NEWS.format(consumer)) == [(TASKS,)], f"what {consumer} is owed waits, and nothing tried"
