"""The Cypher of the mirror. Labels and types cannot be parameters: they are names of our own table.

One writer at a time: every transaction first writes to one node (`:Mirror`), which locks it. Writers that meet at the
same instances and tags otherwise wait for each other in circles, and none could trust a version that it has read.
"""

from sync.graph.base import KEYS, OWN, TRACE, Way

NAMED_BY = {**KEYS, TRACE: "key", "Mirror": "key"}
CONSTRAINTS = {
    f"hopper_{label.lower()}": f"CREATE CONSTRAINT {{name}} IF NOT EXISTS FOR (n:{label}) REQUIRE n.{key} IS UNIQUE"
    for label, key in NAMED_BY.items()
}

LOCK = "MERGE (m:Mirror {key: 'writer'}) SET m.locked = true"

# A pair of tags, the lesser name first, with the number of tasks that carry both.
TAGS_TOGETHER = """
    MATCH (a:Tag)<-[:HAS_TAG]-(t:Task)-[:HAS_TAG]->(b:Tag) WHERE a.name < b.name
    RETURN a.name AS first, b.name AS second, count(t) AS weight"""
WEIGH = """
    UNWIND $pairs AS pair MATCH (a:Tag {name: pair.first}), (b:Tag {name: pair.second})
    MERGE (a)-[r:CO_OCCURS_WITH]->(b) SET r.weight = pair.weight
    RETURN count(*) AS count"""
DROP_PAIRS = """
    MATCH (a)-[r:CO_OCCURS_WITH]->(b)
    WHERE NOT a:Tag OR NOT b:Tag OR a.name >= b.name
       OR NOT EXISTS { (a)<-[:HAS_TAG]-(:Task)-[:HAS_TAG]->(b) }
    WITH r LIMIT 5000 DELETE r RETURN count(*) AS count"""
DROP_TAGS = """
    MATCH (n:Tag) WHERE NOT EXISTS { (n)<-[:HAS_TAG|MATCHES_TAG]-() }
    WITH n LIMIT 5000 DETACH DELETE n RETURN count(*) AS count"""

# Of a node that somebody edited by hand: its label, and its key as a text, empty if there is none.
LABEL, KEY = "coalesce(head(labels({0})), '')", "coalesce(toStringOrNull({0}.id), toStringOrNull({0}.name), '')"

# Relationships that neither of their ends owns, and nodes of ours that have no text for their key.
UNOWNED = f"""
    MATCH (a)-[r]->(b)
    WITH a, r, b, {LABEL.format("a")} AS from, type(r) AS type, {LABEL.format("b")} AS to
    WHERE NOT from + ' ' + type IN $outgoing AND NOT type + ' ' + to IN $incoming
      AND NOT from + ' ' + type + ' ' + to = 'Tag CO_OCCURS_WITH Tag'"""
NAMED = "valueType(n.{}) = 'STRING NOT NULL'"  # Neo4j 5.26 passes over labels where several are asked IS :: STRING
KEYLESS = "MATCH (n) WHERE " + " OR ".join(f"(n:{label} AND NOT {NAMED.format(key)})" for label, key in KEYS.items())
STRAYS = f"""{UNOWNED}
    RETURN from AS label, {KEY.format("a")} AS key, type + ' ' + to + ' ' + {KEY.format("b")} AS about
    UNION ALL {KEYLESS} RETURN head(labels(n)) AS label, '' AS key, '' AS about"""
REMOVE_STRAYS = (f"{UNOWNED} DELETE r RETURN count(*) AS count", f"{KEYLESS} DETACH DELETE n RETURN count(*) AS count")
PURGE = "MATCH (g:Gone) WHERE g.at < datetime() - duration({days: $days}) DELETE g RETURN count(*) AS count"
COUNTS = """
    MATCH (n) WHERE NOT n:Mirror UNWIND labels(n) AS name RETURN name, count(*) AS count
    UNION ALL MATCH ()-[r]->() RETURN type(r) AS name, count(*) AS count"""


def show(label: str) -> str:
    """Give nodes the states that are no older than what is known of them; return the keys of those."""
    return f"""
        UNWIND $states AS state
        MERGE (n:{label} {{{KEYS[label]}: state.{KEYS[label]}}}) ON CREATE SET n.v = -1
        WITH n, state
        OPTIONAL MATCH (g:{TRACE} {{key: {_trace(label, "state." + KEYS[label])}}})
        WITH n, state, g WHERE coalesce(n.v, -1) <= state.v AND coalesce(g.v, -1) <= state.v
        SET n = state
        DELETE g
        RETURN n.{KEYS[label]} AS key"""


def drop_remains(label: str) -> str:
    """Remove the empty nodes that states which came too late have made."""
    return f"""
        UNWIND $keys AS key
        MATCH (n:{label} {{{KEYS[label]}: key}}) WHERE n.v = -1 AND NOT EXISTS {{ (n)--() }}
        DELETE n"""


def bury(label: str) -> str:
    """Leave of nodes a trace with the version of their end; a later state stays."""
    return f"""
        UNWIND $ends AS end
        MERGE (n:{label} {{{KEYS[label]}: end.key}}) ON CREATE SET n.v = -1
        WITH n, end WHERE coalesce(n.v, -1) <= end.v
        MERGE (g:{TRACE} {{key: {_trace(label, "end.key")}}})
        SET g.v = CASE WHEN g.v > end.v THEN g.v ELSE end.v END, g.at = datetime()
        DETACH DELETE n"""


def cut(label: str) -> str:
    """Remove every relationship that the nodes own."""
    return f"UNWIND $keys AS key MATCH (n:{label} {{{KEYS[label]}: key}}) " + " ".join(
        f"CALL (n) {{ MATCH (n){arrow} DELETE r }}" for arrow in _arrows(label, "()").values()
    )


def link(label: str, way: Way) -> str:
    """Make relationships, given as `[key, far key, properties]`.

    One whose far end was deleted later than its owner's state came to be is left out.
    """
    far = KEYS[way.label]
    arrow = f"-[r:{way.type}]->(o)" if way.outgoing else f"<-[r:{way.type}]-(o)"
    return f"""
        UNWIND $edges AS edge
        MATCH (n:{label} {{{KEYS[label]}: edge[0]}})
        MERGE (o:{way.label} {{{far}: edge[1]}}) ON CREATE SET o.v = -1
        WITH n, edge, o
        OPTIONAL MATCH (g:{TRACE} {{key: {_trace(way.label, "edge[1]")}}}) WHERE g.v > n.v
        FOREACH (x IN CASE WHEN g IS NULL THEN [1] ELSE [] END | CREATE (n){arrow} SET r += coalesce(edge[2], {{}}))
        WITH o, g WHERE g IS NOT NULL AND o.v = -1 AND NOT EXISTS {{ (o)--() }}
        DELETE o"""


def shown(label: str) -> str:
    """Return nodes with the relationships that they own, as `[type, far label, far key, properties, outgoing]`."""
    own = " + ".join(
        f"[(n){arrow} | [type(r), {LABEL.format('o')}, {KEY.format('o')}, properties(r), {str(goes_out).lower()}]]"
        for goes_out, arrow in _arrows(label, "(o)").items()
    )
    return f"""
        UNWIND $keys AS key MATCH (n:{label} {{{KEYS[label]}: key}})
        RETURN key, properties(n) AS shown, {own or "[]"} AS edges"""


def versions(label: str) -> str:
    """Return key and version of every node; what is no version is ahead of any."""
    key = NAMED_BY[label]
    return f"""
        MATCH (n:{label})
        RETURN CASE WHEN {NAMED.format(key)} THEN n.{key} ELSE '' END AS key,
            CASE WHEN n.v IS NULL THEN -1 WHEN valueType(n.v) = 'INTEGER NOT NULL' THEN n.v ELSE {2**63 - 1} END
            AS version"""


def forget(label: str) -> str:
    """Set nodes, and what is left of deleted ones, back to the version below any other."""
    return f"""
        UNWIND $keys AS key
        OPTIONAL MATCH (n:{label} {{{KEYS[label]}: key}}) SET n.v = -1
        WITH key OPTIONAL MATCH (g:{TRACE} {{key: {_trace(label, "key")}}}) DELETE g"""


def _trace(label: str, key: str) -> str:
    """Return the key of what is left of a deleted row, where `key` gives that of the row."""
    return f"'{label}:' + {key}"


def _arrows(label: str, far: str) -> dict[bool, str]:
    """Return the patterns of all relationships that the label owns, from `(n)` on: going out, and coming in."""
    shapes = {True: f"-[r:{{}}]->{far}", False: f"<-[r:{{}}]-{far}"}
    types = {out: "|".join(way.type for way in OWN.get(label, ()) if way.outgoing == out) for out in shapes}
    return {out: shape.format(types[out]) for out, shape in shapes.items() if types[out]}
