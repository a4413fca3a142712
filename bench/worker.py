"""The memory of a web worker: Django, the API, a learned state of 2,000 examples, a few answers."""

import json
import random

from bench.timing import memory_mb, scratch_database


def main() -> None:
    scratch_database()
    from django.test import Client

    from hopper.common.keys import create_key
    from hopper.wsgi import application  # noqa: F401 - what gunicorn loads

    before = memory_mb()
    build_elsewhere()
    _, key = create_key(name="bench", role="administrator")
    client = Client(headers={"authorization": f"Bearer {key}"})
    for number in range(20):
        response = client.post("/api/v1/tasks", {"title": f"w{number} w1 w2"}, content_type="application/json")
        assert response.status_code == 201, response.content
    print(json.dumps({"mb": memory_mb(), "empty_mb": before}))


def build_elsewhere() -> None:
    """Teach in a child process: a web worker never loads scikit-learn."""
    import multiprocessing

    child = multiprocessing.get_context("spawn").Process(target=_build)
    child.start()
    child.join()
    assert child.exitcode == 0


def _build() -> None:
    import django

    django.setup()
    from bench.routing import build

    build(100, 20, random.Random(0))


if __name__ == "__main__":
    main()
