"""Decisions per second with 10, 100 and 1,000 projects and as many rules.

`decide` is the pure decision in process; `stored` is the whole of it: reading what it needs, deciding, writing
task, decision, episode and event. The baseline of the rules is matching every rule one by one. The last row is the
one before it, beside 100,000 finished tasks with their episodes.
"""

import random
import time
from datetime import UTC, datetime
from typing import Any

from bench.timing import arguments, interleave, memory_mb, scratch_database, show, summary

WORDS = 4000
ROUNDS = 5
HISTORY = 100_000
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s)"
PAST = (
    f"""{NUMBERS} INSERT INTO tasks (id, title, project, status, created_at, finished_at)
    SELECT 'past-' || i, 'Past ' || i, 'project-' || (i %% 1000), 'completed', %s, %s FROM n""",
    f"""{NUMBERS} INSERT INTO routing_episodes (id, task_id, chosen_project, confidence, strategy, outcome_success,
        tags, routed_at, completed_at)
    SELECT 'past-' || i, 'past-' || i, 'project-' || (i %% 1000), 0.9, 'learned', TRUE, '{{}}', %s, %s FROM n""",
    f"""{NUMBERS} INSERT INTO episode_judgements (episode_id, right_project, judged_by, judged_at, updated_at)
    SELECT 'past-' || i, 'project-' || (i %% 1000), 'bench', %s, %s FROM n""",
)


def main() -> None:
    options = arguments(__doc__)
    scratch_database()
    rows = [measure(count, quick=options.quick) for count in (10, 100, 1000)]
    add_history(HISTORY // 10 if options.quick else HISTORY)
    rows.append(ask(1000, random.Random(7), quick=options.quick) | {"fit_s": rows[-1]["fit_s"]})
    for row in rows:
        row["cost_ratio_to_10"] = round(row["decide_p50_ms"] / rows[0]["decide_p50_ms"], 2)
    show(rows, title="Routing: projects with as many rules, lexical learning", as_json=options.json)


def measure(count: int, *, quick: bool) -> dict[str, Any]:
    """Return one row of the table for `count` projects."""
    from django.core.management import call_command

    from routing.operations import loading

    call_command("flush", interactive=False, verbosity=0)
    loading.forget()
    chance = random.Random(count)
    each = 4 if count == 1000 else 10  # below five the linear expert sits out: 1,000 planes take minutes to fit
    fit_seconds = build(count, each, chance)
    return ask(count, chance, quick=quick) | {"fit_s": fit_seconds}


def ask(count: int, chance: random.Random, *, quick: bool) -> dict[str, Any]:
    """Decide in all ways, as the database now stands."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from routing import operations as routing
    from routing.models import Episode
    from routing.policy.types import TaskView
    from tasks.operations import submit_task

    views = [TaskView(title=text(chance, chance.randrange(count)), tags=("bench",)) for _ in range(200)]
    dossier = routing.open_dossier()
    stream = iter(views * 100)
    book = dossier.policy.book
    times = interleave(
        {
            "decide": lambda: dossier.decide(next(stream)),
            "rules": lambda: book.judge(next(stream)),
            "rules one by one": lambda: one_by_one(book, next(stream)),
        },
        rounds=ROUNDS, each=20 if quick else 100,
    )  # fmt: skip

    def stored() -> None:
        task = submit_task(title=text(chance, chance.randrange(count)), actor="bench", route=False)
        routing.route_task(task=task)

    stored_times = interleave({"stored": stored}, rounds=ROUNDS, each=5 if quick else 20)["stored"]
    task = submit_task(title="How many queries", actor="bench", route=False)
    with CaptureQueriesContext(connection) as queries:
        routing.route_task(task=task)
    decide, rules, plain = (summary(times[name]) for name in ("decide", "rules", "rules one by one"))
    return {
        "projects": count,
        "episodes": Episode.objects.count(),
        "decide_p50_ms": decide["p50_ms"],
        "decide_p99_ms": decide["p99_ms"],
        "decide_per_s": decide["per_second"],
        "stored_per_s": summary(stored_times)["per_second"],
        "queries": len(queries),
        "rules_per_s": rules["per_second"],
        "rules_vs_one_by_one": round(plain["p50_ms"] / rules["p50_ms"], 1),
        "process_mb": memory_mb(),
    }


def text(chance: random.Random, project: int) -> str:
    """Return a title whose words come half from the project's own vocabulary."""
    own = random.Random(project)
    vocabulary = [f"w{own.randrange(WORDS)}" for _ in range(30)]
    return " ".join([*chance.choices(vocabulary, k=8), *(f"w{chance.randrange(WORDS)}" for _ in range(8))])


def build(count: int, each: int, chance: random.Random) -> float:
    """Register the projects, put their rules in force, teach; return the seconds that the fit took."""
    from feedback.operations import import_confirmed
    from projects.operations import register_project
    from routing import operations as routing

    names = [f"project-{number}" for number in range(count)]
    projects = [register_project(name=name, capabilities=[f"skill-{name}"], actor="bench") for name in names]
    rules = [
        {"name": f"rule {n}", "when": {"all": [{"keyword": f"w{n}"}, {"tag": "bench"}]}, "project": name}
        for n, name in enumerate(names)
    ]
    routing.load_policy(name="bench", content=rules, actor="bench")
    rows = [{"title": text(chance, n), "project": project} for n, project in enumerate(projects) for _ in range(each)]
    for start in range(0, len(rows), 500):
        import_confirmed(rows=rows[start : start + 500], actor="bench")
    begun = time.perf_counter()
    routing.refit()
    return round(time.perf_counter() - begun, 1)


def add_history(count: int) -> None:
    """Add that many finished tasks with a decided and judged episode each, as years of use leave them."""
    from django.db import connection

    from hopper.common.db.info import vacuum

    with connection.cursor() as cursor:
        for statement in PAST:
            cursor.execute(statement, [count, *([LONG_AGO] * statement.count("%s"))[1:]])
    vacuum()


def one_by_one(book: Any, view: Any) -> list[Any]:
    """Match every rule, as an engine without an index would."""
    from routing.policy.conditions import Seen

    seen = Seen(view)
    return [rule for rule in book.rules if rule.when.match(seen)]


if __name__ == "__main__":
    main()
