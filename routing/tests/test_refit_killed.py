import json
import subprocess
import sys

import pytest

from hopper.tests.processes import Processes
from routing.operations import refit
from routing.tests.factories import teach_topics

pytestmark = [pytest.mark.processes, pytest.mark.untraced, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def processes(shared_url):
    teach_topics(copies=2)
    refit()
    started = Processes(DATABASE_URL=shared_url(), DJANGO_SETTINGS_MODULE="hopper.settings")
    yield started
    started.kill_all()


def run(processes, how):
    program = processes.start(sys.executable, "-m", "routing.tests.refitter", how, stdout=subprocess.PIPE, text=True)
    return program, program.stdout.readline()


class TestARefitThatIsKilledBeforeItsCommit:
    def test_leaves_decisions_with_the_last_state_and_the_next_refit_to_be_made(self, processes):
        killed, said = run(processes, "hang")
        assert said == "stored\n"
        processes.kill(killed)
        assert json.loads(run(processes, "decide")[1]) == ["web", 1, None]
        assert json.loads(run(processes, "refit")[1]) == ["web", 1, 2]
        assert json.loads(run(processes, "decide")[1]) == ["web", 2, None]
