"""Connection settings for each database; imported by settings, so no model and no Django state in here."""

from typing import Any

import environ

SQLITE = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
}
LONGEST_CONNECTION = 3600  # seconds
SCHEMES = ("sqlite", "postgresql", "postgres", "pgsql")

# What a process may ask of PostgreSQL, by its role (reliability.md C7). A command may take its time, but none waits
# for a lock: everybody who comes after a migration that waits would wait behind it.
WEB, WORKER, STREAM, COMMAND = ROLES = ("web", "worker", "stream", "command")
LOCKS = {"lock_timeout": "3s"}
TIMEOUTS: dict[str, dict[str, str]] = {
    WEB: {**LOCKS, "statement_timeout": "5s", "idle_in_transaction_session_timeout": "15s"},
    WORKER: {**LOCKS, "statement_timeout": "60s", "idle_in_transaction_session_timeout": "15s"},
    STREAM: {**LOCKS, "statement_timeout": "5s", "idle_in_transaction_session_timeout": "15s"},
    COMMAND: LOCKS,
}
VECTORS = {  # measured: ADR 0014
    "hnsw.iterative_scan": "relaxed_order", "hnsw.ef_search": "400", "hnsw.max_scan_tuples": "40000",
    "hnsw.scan_mem_multiplier": "4",
}  # fmt: skip
PLANS = {
    "plan_cache_mode": "force_generic_plan",  # of what is prepared: hopper.common.db.prepared
    "jit": "off",  # the subplans of a claim make it look dear enough to compile, which takes longer than running it
}
PREPARED_BY_ITSELF = 1_000_000_000  # times; only what asks for it is prepared (hopper.common.db.prepared)
FREE_WITHIN = 5  # seconds that a request waits for a connection of the pool
RECONNECTS_FOR = 2  # seconds; then the next request tries anew, instead of a pool that pauses for minutes


def database_from_url(url: str, *, role: str, pool_size: int, max_overflow: int) -> dict[str, Any]:
    """Return Django's `DATABASES` entry; only web and stream have a pool, and with `pool_size` 0 not even they.

    SQLite begins every transaction IMMEDIATE: the write lock that stands in for `select_for_update`
    (reliability.md M13: 0 "database is locked" in 8 processes). On PostgreSQL the role sets the timeouts;
    `?options=-c …` of the URL comes last and so wins.
    """
    config: dict[str, Any] = dict(environ.Env.db_url_config(url))
    options = dict(config.get("OPTIONS", {}))
    if config["ENGINE"].endswith("sqlite3"):
        config["OPTIONS"] = {**SQLITE, **options}
        return config
    ours = " ".join(f"-c {name}={value}" for name, value in {**TIMEOUTS[role], **VECTORS, **PLANS}.items())
    options["options"] = f"{ours} {options.get('options', '')}".strip()
    options.setdefault("application_name", f"hopper {role}")  # in pg_stat_activity
    threshold = options.get("prepare_threshold", PREPARED_BY_ITSELF)
    options["prepare_threshold"] = None if threshold == "none" else threshold
    has_pool = role in (WEB, STREAM) and pool_size > 0
    if has_pool:  # not in workers: a pool does not survive their fork, and Celery closes it after each job
        options["pool"] = _pool(pool_size, pool_size + max_overflow) if role == WEB else _pool(1, pool_size)
    kept = 0 if has_pool or role == STREAM else LONGEST_CONNECTION  # a pool keeps connections itself
    return {**config, "OPTIONS": options, "CONN_MAX_AGE": kept, "CONN_HEALTH_CHECKS": True}


def _pool(kept: int, most: int) -> dict[str, Any]:
    return {
        "min_size": kept, "max_size": most, "timeout": FREE_WITHIN, "max_lifetime": LONGEST_CONNECTION,
        "reconnect_timeout": RECONNECTS_FOR,
    }  # fmt: skip
