"""The same answers once more, slowly and in plain Python over the rows, so that two adapters cannot err together."""

from collections import Counter
from itertools import combinations

from instances.models import Instance
from projects.models import Project
from routing.models import Delegation, Pattern
from sync.graph.questions import Hop, Lineage, Pair, Stopped
from tasks.models import Task, TaskDependency

OPEN = {"pending", "routed", "claimed", "in_progress", "blocked"}
MINUTES = {"PT2H": 120, "4h": 240, "1d": 1440, "30m": 30}


class Oracle:
    """Knows every row."""

    def __init__(self):
        self.places = {row.pk: row for row in Instance.objects.all()}
        self.tasks = {row.pk: row for row in Task.objects.all()}
        self.waits = set(TaskDependency.objects.values_list("task", "depends_on"))
        self.hops = sorted(Delegation.objects.all(), key=lambda hop: (hop.delegated_at, hop.pk))

    def path_to_root(self, key):
        path = [key]
        while self.places[path[-1]].parent_id:
            path.append(self.places[path[-1]].parent_id)
        return path

    def delegation_chain(self, key):
        return [
            Hop(hop.pk, hop.task_id, hop.target_instance_id, hop.delegation_type, hop.status, hop.delegated_at)
            for hop in self.hops if hop.task_id == key
        ]  # fmt: skip

    def blocked_by(self, key):
        return self._behind([key], self.tasks)

    def lineage_of(self, key):
        above, below = self._parents(key), []
        for other in self.tasks:
            line = self._parents(other)
            if key in line:
                below.append((line.index(key), other))
        keys = [*reversed(above), key, *(other for _, other in sorted(below))]
        return Lineage(keys, {other: chain for other in keys if (chain := self.delegation_chain(other))})

    def tags_together(self, least, sight=None):
        tagged = [sorted(task.tags) for task in self.tasks.values() if sight is None or self._sees(sight, task)]
        pairs = Counter(pair for tags in tagged for pair in combinations(tags, 2))
        found = [Pair(*pair, weight) for pair, weight in pairs.items() if weight >= least]
        return sorted(found, key=lambda pair: (-pair.weight, pair.first, pair.second))

    def _sees(self, sight, task):
        mine = sight.projects is None or task.project_id in sight.projects
        near = sight.places is None or task.instance_id in sight.places
        return mine and near and task.instance_id not in sight.closed

    def patterns_to(self, key, least):
        serving = dict(Project.objects.values_list("pk", "instance_id"))
        goals = {row: row.target_instance or serving[row.target_project] for row in Pattern.objects.all()}
        rows = [row for row, goal in goals.items() if goal == key and row.confidence >= least]
        return [row.pk for row in sorted(rows, key=lambda row: (-row.confidence, row.pk))]

    def stopped_without(self, key):
        branch = {other for other in self.places if key in self.path_to_root(other)}
        live = {task.pk: task for task in self.tasks.values() if task.status in OPEN}
        here = sorted(task.pk for task in live.values() if task.instance_id == key)
        below = sorted(task.pk for task in live.values() if task.instance_id in branch - {key})
        handed = {hop.task_id for hop in self.hops
                  if hop.target_instance_id in branch and hop.status in ("pending", "accepted")}  # fmt: skip
        delegated = sorted(handed & set(live) - {*here, *below})
        projects = sorted(row.pk for row in Project.objects.all() if row.instance_id in branch)
        return Stopped(here, below, delegated, self._behind([*here, *below, *delegated], live), projects)

    def critical_path(self, key):
        """The dearest chain by trying every one; of equal ones that with the lesser key, from the end."""
        return min(self._chains([key]), key=lambda chain: (-sum(map(self.minutes, chain)), chain[::-1]))

    def _chains(self, chain):
        before = [on for task, on in self.waits if task == chain[0] and self.tasks[on].status in OPEN]
        if not before:
            return [chain]
        return [longer for other in before for longer in self._chains([other, *chain])]

    def minutes(self, key):
        return MINUTES.get(self.tasks[key].estimated_effort, 60)

    def _parents(self, key):
        line = []
        while key := self.tasks[key].parent_id:
            line.append(key)
        return line

    def _behind(self, starts, among):
        distance = dict.fromkeys(starts, 0)
        for step in range(1, len(self.tasks) + 1):
            found = {task for task, on in self.waits if distance.get(on) == step - 1 and task in among}
            distance.update({task: step for task in found if task not in distance})
        return [key for key, step in sorted(distance.items(), key=lambda item: (item[1], item[0])) if step]
