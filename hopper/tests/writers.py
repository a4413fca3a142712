"""Ten writers, each a process of its own, for test_safe_writes_race.py.

They read `{"key", "etag"}`. First they write naively: each looks whether the request was seen, or which version the
row has; once all of them have looked, they write. Then each sends five equal POSTs with one key, and five equal
PATCHes with one ETag, to the API.
"""

from django.db import connection

from hopper.tests.race import compete

WRITERS, EACH = 10, 5


def look():
    """Return what a check before a write finds: no request with the key, and the version of the row."""
    from hopper.common.models import IdempotencyKey
    from tasks.models import Task

    return IdempotencyKey.objects.filter(key="naive").exists(), Task.objects.get(pk="naive").version


def write_naively(is_known, version, name):
    """Write without looking again: note the key and create the task, and change the row if its version was right."""
    from hopper.common.models import IdempotencyKey
    from tasks.models import Task
    from tasks.operations import change_task, submit_task

    if not is_known:
        IdempotencyKey.objects.create(principal=name, key="naive", status=201)
        submit_task(title="naive twin", actor=name, route=False)
    if version == 1:
        change_task(task=Task.objects.get(pk="naive"), title=f"by {name}", actor=name)
    return {"posted": not is_known, "patched": version == 1}


def send(wanted, name):
    """Return the status and the id of every answer."""
    from hopper.testing import ApiClient

    client = ApiClient(wanted["key"])
    client.http.defaults["SERVER_NAME"] = "localhost"
    posts = [client.post("/tasks?route=false", once="one", title="guarded twin") for _ in range(EACH)]
    patches = [client.patch("/tasks/guarded", if_match=wanted["etag"], title=f"by {name} {n}") for n in range(EACH)]
    return {
        "posts": [(answer.status_code, answer.json()["id"], "Idempotent-Replayed" in answer) for answer in posts],
        "patches": [(answer.status_code, answer["ETag"]) for answer in patches],
    }


def run(number, wanted, together):
    name = f"writer {number}"
    seen = look()
    connection.close()
    together()
    return {**write_naively(*seen, name), **send(wanted, name)}


if __name__ == "__main__":
    compete(run, WRITERS)
