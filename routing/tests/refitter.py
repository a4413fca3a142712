"""A process that refits, then decides: `hang` stops for good between storing its state and the commit."""

import json
import sys
import time

import django


def hold(execute, statement, params, many, context):
    """Run the statement; after that of the new state say so, and never go on."""
    result = execute(statement, params, many, context)
    if 'INSERT INTO "learned_states"' in statement:
        print("stored", flush=True)  # noqa: T201 - what the test waits for
        time.sleep(600)
    return result


def main(how):
    django.setup()
    from django.db import connection

    from routing.operations import open_dossier, refit, suggest_for
    from tasks.models import Task

    if how == "hang":
        with connection.execute_wrapper(hold):
            refit()
    choice = suggest_for(task=Task(title="the login page shows an error"))
    before = open_dossier().memory.number
    state = refit() if how == "refit" else None
    print(json.dumps([choice.best.project, before, state and state.number]), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
