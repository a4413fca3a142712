"""`manage.py serve`: web, live stream and relay in one command."""

import subprocess
import sys
from socket import create_server

import pytest

from hopper.tests.processes import answers, free_port, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.untraced]


def serve(processes, port):
    command = [sys.executable, "manage.py", "serve", "--port", str(port), "--workers", "1"]
    return processes.start(*command, stderr=subprocess.PIPE, text=True)


class TestServe:
    def test_goes_on_and_says_so_when_what_stands_beside_the_web_server_ends(self, processes, shared_url):
        processes.environment["DATABASE_URL"], port = shared_url(), free_port()
        with create_server(("127.0.0.1", port + 1)):  # the stream's
            program = serve(processes, port)
            said = next(line for line in program.stderr if line.startswith("The live stream has ended"))
            assert "goes on without it" in said
            wait_until(lambda: answers(port), "the web server")
        program.terminate()
        assert program.wait(30) == 0
