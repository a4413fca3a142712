"""What tests of routing begin from: values for the pure part, rows and lessons for the rest."""

from datetime import timedelta
from itertools import count

from django.utils import timezone

from feedback.operations import import_confirmed, record_feedback
from projects.tests.factories import ProjectFactory
from routing.models import Delegation
from routing.operations import assign_task, create_policy, load_policy
from routing.policy.decide import decide
from routing.policy.rules import RuleBook, read_rules
from routing.policy.types import Candidate, Roster, TaskView
from routing.policy.view import PolicyView
from routing.strategies import Boost, Capability, Velocity, Workload
from tasks.tests.factories import TaskFactory

TOPICS = {
    "web": ["login page shows an error", "button colour on the checkout page", "browser hangs on the settings page"],
    "data": ["nightly import of invoices fails", "slow query in the invoice report", "invoice table needs an index"],
    "infra": ["cluster node runs out of disk", "upgrade kubernetes on the cluster", "rotate the cluster certificates"],
}


def moments():
    """Moments of yesterday, a second apart, for rows whose order counts."""
    start = timezone.now() - timedelta(days=1)
    return (start + timedelta(seconds=number) for number in count())


def roster(*candidates, closed=None):
    """A roster of candidates, given as rows or as bare names."""
    return Roster([Candidate(c) if isinstance(c, str) else c for c in candidates], closed)


def policy(*rules, threshold=0.6, thresholds=(), **weights):
    """A policy of rules as people write them."""
    book = RuleBook(read_rules(list(rules)))
    return PolicyView(book=book, threshold=threshold, thresholds=dict(thresholds), weights=weights)


def votes_for(project, *, when, name="a rule", **more):
    """A written rule."""
    return {"name": name, "when": when, "project": project, **more}


def judge(when, **task):
    """Tell whether a condition matches a task."""
    book = RuleBook(read_rules([votes_for("there", when=when)]))
    return "there" in book.judge(TaskView(**{"title": "a task", **task})).votes


def choose(task, candidates, rules=None, *, workload=None, learned=()):
    """Decide with every strategy but the learned one, unless it is given."""
    strategies = [Capability(), *learned, Workload(workload or {}), Velocity(), Boost()]
    return decide(task, candidates, rules or PolicyView(), strategies)


def make_hop(task, source, target, **fields):
    """A hop as the database keeps it, an offer unless told otherwise."""
    return Delegation.objects.create(
        task=task, source_instance=source, target_instance=target, **{"delegated_at": timezone.now(), **fields}
    )


def make_projects(*names, **fields):
    return [ProjectFactory(name=name, **fields) for name in names]


def activate_rules(*rules, **content):
    """Put a policy in force."""
    return load_policy(name="house", content={"rules": list(rules), **content}, actor="ada")


def make_policy(name="house"):
    return create_policy(name=name, actor="ada")


def teach(project, *titles, **fields):
    """Confirm that tasks of these titles belong to the project; return them."""
    tasks = [TaskFactory(title=title, **fields) for title in titles]
    for task in tasks:
        assign_task(task=task, project=project, actor="ada")
        record_feedback(task=task, was_good_match=True, actor="ada")
    return tasks


def teach_topics(copies=4):
    """Teach three projects their topics by imported work; two copies are enough for a linear expert."""
    projects = {name: ProjectFactory(name=name) for name in TOPICS}
    rows = [
        {"title": f"{title} again {number}", "project": projects[name]}
        for number in range(copies)
        for name, titles in TOPICS.items()
        for title in titles
    ]
    import_confirmed(rows=rows, actor="ada")
    return projects
