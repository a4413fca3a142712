"""Teaching in bulk, from work that was done elsewhere."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from feedback.models import TaskFeedback
from hopper.events import operations as log
from routing import operations as routing
from tasks import operations as tasks
from tasks.models import Task

BATCH = 500


@transaction.atomic
def import_confirmed(*, rows: Sequence[dict[str, Any]], actor: str) -> list[Task]:
    """Teach from work that was done elsewhere: tasks whose true destination is known, in bulk.

    Each row has the fields of a task, with `project` as a row of `projects`.

    :raises Invalid: naming the first row that is wrong; nothing is stored then
    """
    done = tasks.import_finished_tasks(rows=rows, actor=actor)
    routing.record_imported(tasks=done, actor=actor)
    judged = [
        TaskFeedback(task=task, was_good_match=True, given_by=actor[:100], source=TaskFeedback.Source.IMPORT)
        for task in done
    ]
    TaskFeedback.objects.bulk_create(judged, batch_size=BATCH)
    log.record_events("feedback.recorded", judged, actor=actor)
    return done
