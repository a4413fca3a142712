"""What `life.py` asks of Hopper, and how a process dies over it."""

from itertools import count

from django.db import connection

from projects.models import Project
from tasks import operations
from tasks.models import Task
from tasks.tests.life_model import BY_FENCE
from tasks.tests.steps import ACTOR


class Crash(BaseException):
    """The process died."""


def say(verb, key, **more):
    """Ask for an operation on the task."""
    task, routing = Task(pk=key), {"confidence": 1.0, "reasoning": "because", **ACTOR}
    match verb:
        case "place":
            return operations.place_task(task=task, project=Project(pk="sark"), **{"instance": None, **more}, **routing)
        case "review":
            return operations.hold_for_review(task=task, **routing)
        case "return":
            return operations.return_to_routing(task=task, **ACTOR)
        case "claim":
            return operations.claim_task(task_id=key, owner="ada")
        case "heartbeat":
            return operations.heartbeat_task(task_id=key, **more)
        case "decompose":
            return operations.decompose_task(task=task, **more, **ACTOR)
    named = {"task_id": key} if verb in BY_FENCE else {"task": task}
    return getattr(operations, f"{verb}_task")(**named, **more, **ACTOR)


def dying_at(number):
    """Return what ends a process at its statement of that number."""
    statements = count(1)

    def run(execute, sql, *rest):
        if "SAVEPOINT" not in sql and next(statements) == number:
            raise Crash
        return execute(sql, *rest)

    return connection.execute_wrapper(run)
