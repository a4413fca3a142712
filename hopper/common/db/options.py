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


def database_from_url(url: str, *, pool_size: int, max_overflow: int) -> dict[str, Any]:
    """Return Django's `DATABASES` entry; `pool_size` 0 keeps one connection a thread instead of a pool.

    SQLite begins every transaction IMMEDIATE: the write lock that stands in for `select_for_update`
    (reliability.md M13: 0 "database is locked" in 8 processes). On PostgreSQL 15 s is the longest a
    transaction may idle, and a lock is waited for 3 s (C7).
    """
    config: dict[str, Any] = dict(environ.Env.db_url_config(url))
    options = dict(config.get("OPTIONS", {}))
    if config["ENGINE"].endswith("sqlite3"):
        config["OPTIONS"] = {**SQLITE, **options}
        return config
    timeouts = "-c lock_timeout=3000 -c idle_in_transaction_session_timeout=15000"
    vectors = "-c hnsw.iterative_scan=relaxed_order -c hnsw.ef_search=400"  # measured: ADR 0014
    vectors += " -c hnsw.max_scan_tuples=40000 -c hnsw.scan_mem_multiplier=4"
    options["options"] = f"{options.get('options', '')} {timeouts} {vectors}".strip()
    if pool_size:
        options["pool"] = {
            "min_size": 1, "max_size": pool_size + max_overflow, "timeout": 10,
            "max_lifetime": LONGEST_CONNECTION,
        }  # fmt: skip
    kept = 0 if pool_size else LONGEST_CONNECTION  # a pool keeps connections itself
    return {**config, "OPTIONS": options, "CONN_MAX_AGE": kept, "CONN_HEALTH_CHECKS": True}
