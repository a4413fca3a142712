"""Questions to Neo4j, in the labels and relationships of its mirror."""

from collections.abc import Iterable
from typing import Any

from hopper.common.db.graph import MAX_DEPTH
from routing.models import Delegation
from sync.graph.neo4j.driver import ask_once
from sync.graph.questions import MOST, Hop, Lineage, Pair, Sight, Stopped, lineage
from sync.graph.walks import DEEPEST, by_distance
from tasks.models import Task

OPEN = [str(status) for status in Task.OPEN]
OFFERED = [str(status) for status in Delegation.OPEN]

PATH = f"""
    MATCH way = (:Instance {{id: $key}})-[:CHILD_OF*1..{MAX_DEPTH}]->(above:Instance)
    RETURN above.id ORDER BY length(way)"""
HOP = "d.delegation_id, t.id, i.id, d.type, d.status, d.delegated_at"
CHAIN = f"""
    MATCH (t:Task {{id: $key}})-[d:DELEGATED_TO]->(i:Instance)
    RETURN {HOP} ORDER BY d.delegated_at, d.delegation_id LIMIT {MOST}"""
HOPS = f"MATCH (t:Task)-[d:DELEGATED_TO]->(i:Instance) WHERE t.id IN $keys RETURN {HOP}"
LEVELS = f"""
    MATCH way = (:Task {{id: $key}})-[:SUBTASK_OF*1..{MAX_DEPTH}]->(t:Task) RETURN t.id AS key, -length(way) AS level
    UNION
    MATCH way = (:Task {{id: $key}})<-[:SUBTASK_OF*1..{MAX_DEPTH}]-(t:Task) RETURN t.id AS key, length(way) AS level"""
# DISTINCT, and conditions on the far end alone, let Neo4j prune the ways: a walk takes each node once, however many
# ways lead there. With a condition on the whole way it would try them all.
BLOCKED = f"""
    MATCH (:Task {{id: $key}})<-[:DEPENDS_ON*0..{DEEPEST}]-(near:Task) WITH DISTINCT near LIMIT {MOST}
    MATCH (near)<-[:DEPENDS_ON]-(far:Task) RETURN near.id, far.id"""
BLOCKERS = f"""
    MATCH (:Task {{id: $key}}) (()-[:DEPENDS_ON]->(on:Task WHERE on.status IN $open)){{0,{DEEPEST}}} (near:Task)
    WITH DISTINCT near LIMIT {MOST}
    MATCH (near)-[:DEPENDS_ON]->(far:Task) WHERE far.status IN $open RETURN near.id, far.id"""
# From many starts each walk is Neo4j's own, so that one ends where another begins.
WAITING = f"""
    MATCH (start:Task) WHERE start.id IN $keys
    MATCH (start) (()<-[:DEPENDS_ON]-(task:Task WHERE task.status IN $open AND NOT task.id IN $keys)){{0,{DEEPEST}}}
        (near:Task)
    WITH DISTINCT near LIMIT {MOST}
    MATCH (near)<-[:DEPENDS_ON]-(far:Task) WHERE far.status IN $open RETURN near.id, far.id"""
TAGS = f"""
    MATCH (a:Tag)<-[:HAS_TAG]-(t:Task)-[:HAS_TAG]->(b:Tag) WHERE a.name < b.name {{seen}}
    WITH a.name AS first, b.name AS second, count(t) AS weight WHERE weight >= $least
    RETURN first, second, weight ORDER BY weight DESC, first, second LIMIT {MOST}"""
SEEN = """
    AND ($projects IS NULL OR EXISTS { MATCH (t)-[:ROUTED_TO]->(p:Project) WHERE p.name IN $projects })
    AND ($places IS NULL OR EXISTS { MATCH (t)<-[:MANAGES]-(i:Instance) WHERE i.id IN $places })
    AND NOT EXISTS { MATCH (t)<-[:MANAGES]-(i:Instance) WHERE i.id IN $closed }"""
PATTERNS = f"""
    MATCH (p:Pattern)-[:ROUTES_TO]->(:Instance {{id: $key}}) WHERE p.confidence >= $least
    RETURN p.id ORDER BY p.confidence DESC, p.id LIMIT {MOST}"""
BRANCH = f"MATCH (:Instance {{id: $key}})<-[:CHILD_OF*0..{MAX_DEPTH}]-(i:Instance) RETURN DISTINCT i.id"
# By the ids of the branch, which Neo4j keeps as a set: to walk up the tree from each task takes ten times as long.
STOPPED = f"""
    MATCH (i:Instance)-[:MANAGES]->(t:Task) WHERE i.id IN $here AND t.status IN $open
    RETURN 'here' AS why, t.id AS key ORDER BY key LIMIT {MOST}
    UNION ALL MATCH (i:Instance)-[:MANAGES]->(t:Task) WHERE i.id IN $below AND t.status IN $open
    RETURN 'below' AS why, t.id AS key ORDER BY key LIMIT {MOST}
    UNION ALL MATCH (i:Instance)<-[d:DELEGATED_TO]-(t:Task)
    WHERE i.id IN $branch AND d.status IN $offered AND t.status IN $open
      AND NOT EXISTS {{ MATCH (t)<-[:MANAGES]-(m:Instance) WHERE m.id IN $branch }}
    RETURN DISTINCT 'delegated' AS why, t.id AS key ORDER BY key LIMIT {MOST}
    UNION ALL MATCH (i:Instance)-[:MANAGES]->(p:Project) WHERE i.id IN $branch
    RETURN 'projects' AS why, p.name AS key ORDER BY key LIMIT {MOST}"""


class Neo4jQuestions:
    """Walks over what the mirror shows; it may lag behind the rows by what is still on its way."""

    name = "neo4j"

    def path_to_root(self, instance: str) -> list[str]:
        return [instance, *_column(ask_once(PATH, key=instance))]

    def delegation_chain(self, task: str) -> list[Hop]:
        return list(map(_hop, ask_once(CHAIN, key=task)))

    def blocked_by(self, task: str) -> list[str]:
        return by_distance([task], _pairs(ask_once(BLOCKED, key=task)))[:MOST]

    def lineage_of(self, task: str) -> Lineage:
        levels = {task: 0, **dict(_pairs(ask_once(LEVELS, key=task)))}
        return lineage(levels, map(_hop, ask_once(HOPS, keys=list(levels))))

    def tags_together(self, *, least: int, sight: Sight) -> list[Pair]:
        seen = "" if sight == Sight() else SEEN
        return [Pair(*row) for row in ask_once(TAGS.format(seen=seen), least=least, **_listed(sight))]

    def patterns_to(self, instance: str, *, least: float) -> list[str]:
        return _column(ask_once(PATTERNS, key=instance, least=least))

    def stopped_without(self, instance: str) -> Stopped:
        branch = _column(ask_once(BRANCH, key=instance))
        among = {"here": [instance], "below": [key for key in branch if key != instance], "branch": branch}
        found: dict[str, list[str]] = {why: [] for why in ("here", "below", "delegated", "projects")}
        for why, key in ask_once(STOPPED, open=OPEN, offered=OFFERED, **among):
            found[why].append(key)
        stopped = [*found["here"], *found["below"], *found["delegated"]]
        waits = _pairs(ask_once(WAITING, keys=stopped, open=OPEN)) if stopped else []
        return Stopped(**found, waiting=by_distance(stopped, waits)[:MOST])

    def open_blockers(self, task: str) -> list[tuple[str, str]]:
        return _pairs(ask_once(BLOCKERS, key=task, open=OPEN))


def _column(rows: Iterable[list[Any]]) -> list[Any]:
    return [value for (value,) in rows]


def _pairs(rows: Iterable[list[Any]]) -> list[tuple[Any, Any]]:
    return [(near, far) for near, far in rows]


def _hop(row: list[Any]) -> Hop:
    key, task, instance, kind, status, at = row
    return Hop(key, task, instance, kind, status, at.to_native())


def _listed(sight: Sight) -> dict[str, list[str] | None]:
    return {name: None if keys is None else list(keys) for name, keys in vars(sight).items()}
