"""System checks of the settings: an id, a sentence and a hint instead of a traceback."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

SHORTEST_SECRET = 50


@register(Tags.security)
def settings_are_readable(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report each variable that could not be read."""
    return [
        Error(
            f"{bad.name} is not {bad.wanted}.", hint=f"Set {bad.name} to {bad.wanted}, or remove it.", id="hopper.E020"
        )
        for bad in settings.BAD_SETTINGS
    ]


@register(Tags.security, deploy=True)
def secrets_are_strong(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report weak or missing secrets."""
    found: list[CheckMessage] = []
    if not settings.SECRET_KEY_IS_GIVEN:
        hint = "Set SECRET_KEY to 50 or more random characters, the same for every process."
        found.append(Warning("SECRET_KEY is not set: this machine's own is used.", hint=hint, id="hopper.W001"))
    weak = [name for name, text in _secrets().items() if len(text) < SHORTEST_SECRET or "insecure" in text]
    return found + [
        Error(f"{name} is weak.", hint=f"Use {SHORTEST_SECRET} or more random characters.", id="hopper.E001")
        for name in weak
    ]


def _secrets() -> dict[str, str]:
    return {"SECRET_KEY": settings.SECRET_KEY} | {
        f"Pepper {number} of KEY_PEPPERS": pepper for number, pepper in settings.KEY_PEPPERS.items()
    }


@register(Tags.database, deploy=True)
def database_is_for_production(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report SQLite in production."""
    if not settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        return []
    hint = "Set DATABASE_URL=postgresql://user:password@host/hopper."
    return [Warning("SQLite serves one machine and one writer at a time.", hint=hint, id="hopper.W002")]


@register(Tags.security, deploy=True)
def redis_is_guarded(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report a Redis without a password."""
    if not settings.REDIS_URL or "@" in settings.REDIS_URL:
        return []
    return [Error("Redis has no password.", hint="Set REDIS_URL=redis://:password@host:6379/0.", id="hopper.E006")]


@register(Tags.security, deploy=True)
def neo4j_is_guarded(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report a Neo4j without a password: titles of tasks stand in it."""
    if not settings.NEO4J_URL or settings.NEO4J_PASSWORD:
        return []
    return [Error("Neo4j has no password.", hint="Set NEO4J_PASSWORD, in Neo4j and here.", id="hopper.E007")]
