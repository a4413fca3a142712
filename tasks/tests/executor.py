"""An executor, a process of its own, for test_executors.py: it takes a task, keeps its lease alive and completes it.

It is told the address of the API, a key, its name and where to complete; it says which task it holds, completes it
once it reads a line, and says what that was answered with.
"""

import json
import sys
import threading

from hopper.tests.caller import Caller

LEASE = 1  # seconds


def take(call, name):
    """Claim the next task as soon as there is one."""
    while True:
        _, answer = call("POST", "/tasks/claim-next", executor=name, lease_seconds=LEASE)
        if answer["claims"]:
            (claim,) = answer["claims"]
            return claim["task"]["id"], {"executor": name, "fence": claim["fence"]}


def stay_alive(call, key, proof, is_over):
    while not is_over.wait(LEASE / 5):
        call("POST", f"/tasks/{key}/heartbeat", lease_seconds=LEASE, **proof)


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(address, secret, name, completing):
    call = Caller(address, secret)
    key, proof = take(call, name)
    is_over = threading.Event()
    threading.Thread(target=stay_alive, args=(call, key, proof, is_over), daemon=True).start()
    say(key)
    sys.stdin.readline()
    is_over.set()
    status, answer = call("POST", completing.format(key), result={"by": name}, **proof)
    say(json.dumps([status, answer]))


if __name__ == "__main__":
    main(*sys.argv[1:])
