"""One driver per process, and Neo4j's errors in our words."""

import atexit
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from django.conf import settings
from neo4j import (
    READ_ACCESS,
    Driver,
    GraphDatabase,
    ManagedTransaction,
    NotificationMinimumSeverity,
    Query,
    Session,
    unit_of_work,
)
from neo4j.exceptions import (
    AuthError,
    ConfigurationError,
    DriverError,
    Forbidden,
    Neo4jError,
    TransientError,
)

from sync.graph.base import GraphRefused, GraphUnavailable
from sync.graph.questions import GraphTooSlow

Result = TypeVar("Result")
Row = dict[str, Any]

CONNECTED_WITHIN, FREE_WITHIN = 3.0, 5.0  # seconds
LONGEST_ANSWER, LONGEST_TRANSACTION, LONGEST_STREAM = 5.0, 10.0, 300.0
RETRIED_FOR, FIRST_RETRY = 15.0, 0.1
ALL_AT_ONCE = -1

# What it says of itself rather than of what it was told: a transaction took too long, or the database is not there yet.
TOO_LONG = "Neo.ClientError.Transaction.TransactionTimedOut"
FIRST_PASSWORD = "Neo.ClientError.Security.CredentialsExpired"  # noqa: S105 -- the code of an error
BUSY = (TOO_LONG, "Neo.DatabaseError.Database", "Neo.ClientError.Database")

_one_at_a_time = threading.Lock()
_drivers: dict[tuple[int, str, str, str], Driver] = {}


def get_driver() -> Driver:
    """Return this process's driver for the configured server; it connects when it is first asked.

    A forked process makes its own: connections are not shared. At most one is kept open.

    :raises GraphUnavailable: if the address is none
    """
    wanted = (os.getpid(), settings.NEO4J_URL, settings.NEO4J_USERNAME, settings.NEO4J_PASSWORD)
    with _one_at_a_time:
        if wanted not in _drivers:
            _close_own()
            with in_our_words():
                _drivers[wanted] = _make(*wanted[1:])
        return _drivers[wanted]


def _make(url: str, username: str, password: str) -> Driver:
    return GraphDatabase.driver(
        url, auth=(username, password) if password else None, user_agent="hopper",
        connection_timeout=CONNECTED_WITHIN, connection_acquisition_timeout=FREE_WITHIN,
        max_transaction_retry_time=RETRIED_FOR, initial_retry_delay=FIRST_RETRY,
        notifications_min_severity=NotificationMinimumSeverity.OFF,  # of labels that nothing has yet, at each start
    )  # fmt: skip


def _close_own() -> None:
    for known in [known for known in _drivers if known[0] == os.getpid()]:
        _drivers.pop(known).close()


atexit.register(_close_own)


@contextmanager
def _session() -> Iterator[Session]:
    """Open a session with a server that answers: one that is away shall not be tried for as long as a busy one."""
    with in_our_words():
        driver = get_driver()
        driver.verify_connectivity()
        with driver.session() as session:
            yield session


def read(cypher: str, **parameters: Any) -> list[Row]:
    """Return the rows that the question finds, within ten seconds.

    :raises GraphUnavailable: if Neo4j does not answer
    """

    @unit_of_work(timeout=LONGEST_TRANSACTION)
    def ask(transaction: ManagedTransaction) -> list[Row]:
        return ask_in(transaction, cypher, **parameters)

    with _session() as session:
        return session.execute_read(ask)


def write(work: Callable[[ManagedTransaction], Result]) -> Result:
    """Do the work in one transaction of at most ten seconds, anew if another was in its way.

    One that took too long is tried once more: a server that has just started takes seconds to plan what it then knows.

    :raises GraphUnavailable: if Neo4j does not answer
    """
    limited = unit_of_work(timeout=LONGEST_TRANSACTION)(work)
    with _session() as session:
        try:
            return session.execute_write(limited)
        except Neo4jError as error:
            if not _took_too_long(error):
                raise
        return session.execute_write(limited)


def ask_once(cypher: str, **parameters: Any) -> list[list[Any]]:
    """Return the rows that the question finds, as lists of values, within five seconds and without another try.

    For questions that somebody waits for: the rows of the database know the same.

    :raises GraphTooSlow: if it takes too long
    :raises GraphUnavailable: if Neo4j does not answer
    """
    query = Query(cypher, timeout=LONGEST_ANSWER)
    with in_our_words(), get_driver().session(default_access_mode=READ_ACCESS, fetch_size=ALL_AT_ONCE) as session:
        try:
            return session.run(query, parameters).values()
        except Neo4jError as error:
            if _took_too_long(error):
                raise GraphTooSlow from error
            raise


def ask_in(transaction: ManagedTransaction, cypher: str, **parameters: Any) -> list[Row]:
    """Return the rows that the question finds in the transaction."""
    return transaction.run(cypher, parameters).data()


def stream(cypher: str, *, size: int, **parameters: Any) -> Iterator[Sequence[Row]]:
    """Yield the rows that the question finds, so many at a time, however many there are.

    :raises GraphUnavailable: if Neo4j does not answer
    """
    query = Query(cypher, timeout=LONGEST_STREAM)
    with in_our_words(), get_driver().session(fetch_size=size) as session:
        found = session.run(query, parameters)
        while rows := [record.data() for record in found.fetch(size)]:
            yield rows


def run(cypher: str, **parameters: Any) -> None:
    """Run a statement that makes its own transactions, or changes the schema.

    :raises GraphUnavailable: if Neo4j does not answer
    """
    query = Query(cypher, timeout=LONGEST_STREAM)
    with in_our_words(), get_driver().session() as session:
        session.run(query, parameters).consume()


@contextmanager
def in_our_words() -> Iterator[None]:
    """Turn what the driver raises into sentences that say what to do."""
    try:
        yield
    except (AuthError, Forbidden) as error:
        raise GraphUnavailable("Neo4j does not let Hopper in: correct NEO4J_USERNAME and NEO4J_PASSWORD.") from error
    except (ConfigurationError, ValueError) as error:
        raise GraphUnavailable(f"NEO4J_URL is no address: {error}. Set it like bolt://host:7687.") from error
    except TransientError as error:
        raise GraphUnavailable(f"Neo4j is too busy: {_first_line(error)}") from error
    except DriverError as error:
        raise GraphUnavailable(
            f"Neo4j does not answer at {settings.NEO4J_URL}: start it, or unset NEO4J_URL."
        ) from error
    except Neo4jError as error:
        if error.code == FIRST_PASSWORD:
            raise GraphUnavailable(
                "Neo4j still has its first password: change it there, and set NEO4J_PASSWORD to the new one."
            ) from error
        if error.is_retryable() or str(error.code).startswith(BUSY):
            raise GraphUnavailable(f"Neo4j cannot answer now: {_first_line(error)}") from error
        raise GraphRefused(f"Neo4j refused: {_first_line(error)}") from error


def _took_too_long(error: Neo4jError) -> bool:
    return str(error.code).startswith(TOO_LONG)


def _first_line(error: Neo4jError) -> str:
    said = (error.message or "").strip() or "it does not say why"
    return f"{said.splitlines()[0]} ({error.code})"
