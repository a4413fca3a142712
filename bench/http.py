"""Get, list and create beside a stock ModelViewSet on the same rows, interleaved in the same process.

The stock view is what Django REST Framework gives out of the box: ModelViewSet, ModelSerializer over all
columns, page numbers with a count, no keys, no events. Hopper's doors check an API key and write their event.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from bench.timing import arguments, interleave, scratch_database, show, summary

ROWS = 1000
PAIRS = {
    "get": "stock get", "list of 50": "stock list of 50", "create, not routed": "stock create",
    "create and route": "stock create",
}  # fmt: skip


def main() -> None:
    options = arguments(__doc__)
    scratch_database()
    times = interleave(doors(), rounds=5, each=10 if options.quick else 40)
    found = {name: summary(values) for name, values in times.items()}
    rows = [
        {"door": name, **found[name], "stock_p50_ms": found[stock]["p50_ms"],
         "ratio_to_stock": round(found[stock]["p50_ms"] / found[name]["p50_ms"], 2)}
        for name, stock in PAIRS.items()
    ]  # fmt: skip
    memory = worker()
    rows.append(dict.fromkeys(rows[0], "") | {"door": "memory of a worker", "p50_ms": f"{memory['mb']} MB"})
    show(rows, title=f"HTTP doors on {ROWS:,} tasks (ratio above 1: faster than stock)", as_json=options.json)


def doors() -> dict[str, Callable[[], Any]]:
    """Return every door as a call that fails unless it answers well."""
    from django.test import Client, override_settings

    from hopper.common.keys import create_key
    from projects.operations import register_project
    from routing import operations as routing
    from tasks.operations import create_tasks

    projects = [register_project(name=f"p{n}", capabilities=[f"skill{n}"], actor="bench") for n in range(100)]
    rules = [{"name": f"r{n}", "when": {"keyword": f"word{n}"}, "project": p.pk} for n, p in enumerate(projects)]
    routing.load_policy(name="bench", content=rules, actor="bench")
    rows = [
        {"title": f"Task {n}", "description": "What it is about " * 5, "tags": ["a", "b"], "project": projects[n % 100]}
        for n in range(ROWS)
    ]
    tasks = create_tasks(rows=rows, actor="bench")
    _, key = create_key(name="bench", role="administrator")
    override_settings(ROOT_URLCONF="bench.stock").enable()
    client, stock = Client(headers={"authorization": f"Bearer {key}"}), Client()
    body = json.dumps({"title": "A task about word7", "tags": ["x"], "description": "Something " * 20})
    plain = json.dumps({"title": "A task about word7", "tags": ["x"], "description": "Something " * 20,
                        "requester": "bench"})  # fmt: skip
    one = tasks[500].pk

    def call(who: Any, method: str, path: str, wanted: int, data: str | None = None) -> Callable[[], Any]:
        def run() -> Any:
            kwargs = {"data": data, "content_type": "application/json"} if data else {}
            response = getattr(who, method)(path, **kwargs)
            assert response.status_code == wanted, (path, response.status_code, response.content[:300])
            return response

        return run

    return {
        "get": call(client, "get", f"/api/v1/tasks/{one}", 200),
        "stock get": call(stock, "get", f"/stock/{one}/", 200),
        "list of 50": call(client, "get", "/api/v1/tasks?page_size=50", 200),
        "stock list of 50": call(stock, "get", "/stock/", 200),
        "create, not routed": call(client, "post", "/api/v1/tasks?route=false", 201, body),
        "stock create": call(stock, "post", "/stock/", 201, plain),
        "create and route": call(client, "post", "/api/v1/tasks", 201, body),
    }


def worker() -> dict[str, float]:
    """Return the memory of a web worker that has answered a few requests, in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "bench.worker"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
