"""Hopper's settings, read from the environment; `.env.example` documents every variable.

A bad value never stops the import: it is replaced by the default and reported by `manage.py check`.
"""

import os
import secrets
from pathlib import Path

from django.templatetags.static import static

from hopper.common.db import embedded
from hopper.common.db.options import COMMAND, ROLES, SCHEMES, WORKER, database_from_url
from hopper.common.env import TolerantEnv
from sync import kinds

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
env = TolerantEnv(BASE_DIR / ".env")
BAD_SETTINGS = env.problems

# -- security ---------------------------------------------------------------------------------------------


def _kept_secret() -> str:
    """Return this installation's own key, made at the first start and readable by its owner only."""
    file = VAR_DIR / "secret_key"
    try:
        VAR_DIR.mkdir(exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secrets.token_urlsafe(64))
    except FileExistsError:
        pass
    except OSError:
        return secrets.token_urlsafe(64)  # read-only folder: sessions end with the process (check hopper.W001)
    return file.read_text() or secrets.token_urlsafe(64)


DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY_IS_GIVEN = bool(env.text("SECRET_KEY"))
SECRET_KEY = env.text("SECRET_KEY") or _kept_secret()
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", default=[])
KEY_PEPPERS = env.numbered("KEY_PEPPERS", default=SECRET_KEY)
HTTPS = env.flag("HTTPS", default=False)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("BEHIND_PROXY", default=False) else None
SECURE_REFERRER_POLICY = SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_NAME = "__Host-hopper" if HTTPS else "hopper"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 28_800
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5_242_880
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in {
        "UserAttributeSimilarityValidator": {},
        "MinimumLengthValidator": {"min_length": 12},
        "CommonPasswordValidator": {},
        "NumericPasswordValidator": {},
    }.items()
]

# -- apps -------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "tree_queries",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "health_check",
    "hopper.common",
    "hopper.events",
    "instances",
    "projects",
    "tasks",
    "routing",
    "feedback",
    "sync",
    "hopper",
]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "hopper.common.outages.OutagePages",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
ROOT_URLCONF = "hopper.urls"
WSGI_APPLICATION = "hopper.wsgi.application"
APPEND_SLASH = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # serves every app's files without a collectstatic step

# -- database and cache -----------------------------------------------------------------------------------

DATABASE_URL = env.url(
    "DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'hopper.db'}", schemes=SCHEMES, words=(embedded.WORD,)
)
HOPPER_ROLE = env.choice("HOPPER_ROLE", default=COMMAND, among=ROLES)
POOL_SIZE = env.whole("DB_POOL_SIZE", default=5)
POOL_OVERFLOW = env.whole("DB_POOL_MAX_OVERFLOW", default=10)
DATABASES = {
    "default": database_from_url(
        embedded.start(VAR_DIR / "postgres") if DATABASE_URL == embedded.WORD else DATABASE_URL,
        role=HOPPER_ROLE,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
    )
}
SLOW_QUERY_MS = env.whole("SLOW_QUERY_MS", default=0 if HOPPER_ROLE == COMMAND else 100)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.url("REDIS_URL", default="", schemes=("redis", "rediss"))
_REDIS_CACHE = {
    "BACKEND": "django.core.cache.backends.redis.RedisCache",
    "LOCATION": REDIS_URL,
    "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},  # a request waits for it
}
_OWN_CACHE = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
CACHES = {
    "default": _REDIS_CACHE if REDIS_URL else _OWN_CACHE,
    # Where tasks went in the last hour: Redis may be away, which costs a question to the database.
    "working": _REDIS_CACHE | {"KEY_PREFIX": "working"} if REDIS_URL else _OWN_CACHE | {"LOCATION": "working"},
    # Vectors of what people search for, in each process: Redis may be away, and a search must not be.
    "questions": _OWN_CACHE | {"LOCATION": "questions"},
}
NEO4J_URL = env.url("NEO4J_URL", default="", schemes=("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc"))
NEO4J_USERNAME = env.text("NEO4J_USERNAME", default="neo4j")
NEO4J_PASSWORD = env.text("NEO4J_PASSWORD")
READINESS = ["health_check.Database"]
# What /metrics asks at each scrape, beside what the web processes counted: functions that yield Prometheus metrics.
METRICS = ["hopper.events.metrics.deliveries", "sync.metrics.graph"]

# -- work in the background ---------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ACKS_LATE = True  # with the next: a killed worker's job runs again (reliability.md M8, M9)
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Workers wait for the broker; a request that wakes one does not: it tries once (docs/adr/0027-outages-and-wakes.md).
_PATIENCE = (
    {"socket_timeout": 5, "socket_connect_timeout": 2}
    if HOPPER_ROLE == WORKER
    else {"socket_timeout": 1, "socket_connect_timeout": 0.5, "max_retries": 0}
)
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "visibility_timeout": 900,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "health_check_interval": 30,
        **_PATIENCE,
    }
    if REDIS_URL
    else {}
)
# Which event rings which job, right after its commit.
DOORBELLS = {
    "task.submitted": ["routing.route_task"],
    "task.returned": ["routing.route_task"],
    "task.retried": ["routing.route_task"],
    "task.escalated": ["routing.route_task"],
}

# What an app above does about an event of one below, in its transaction: both hold, or neither.
REACTIONS = {
    kind: ["routing.operations.close_hops"]
    for kind in (
        "task.completed", "task.failed", "task.cancelled", "task.returned", "task.retried", "task.review_requested",
    )
}  # fmt: skip

# Which event is news for which consumer: a delivery is written with it, and carried soon after.
CONSUMERS = {
    kind: ["embedding"]
    for kind in (
        "task.submitted", "task.stored", "task.imported", "task.changed", "task.routed", "task.review_requested",
        "pattern.created", "pattern.changed",
    )
}  # fmt: skip

# What a consumer is carried: the state of a row, in one delivery however often it changed, unless it is named here as
# wanting each "event", in order.
CARRIES: dict[str, str] = {}

# Which job a worker is woken for when there is news for a consumer; without Redis the relay finds it in two seconds.
WAKES = {"embedding": "routing.embed_waiting"}

GRAPH_SYNC_ON_WRITE = env.flag("GRAPH_SYNC_ON_WRITE", default=True)
GRAPH_SYNC_INTERVAL = env.whole("GRAPH_SYNC_INTERVAL", default=300, minimum=1)
if NEO4J_URL:
    CONSUMERS |= {kind: [*CONSUMERS.get(kind, ()), "graph"] for kind in kinds.GRAPH_EVENTS}
    WAKES |= {"graph": "sync.mirror_waiting"} if GRAPH_SYNC_ON_WRITE else {}

# -- tasks --------------------------------------------------------------------------------------------------

# How long a claim holds a task without a heartbeat, by the type of its executor; unknown types count as agent.
LEASE_SECONDS = env.durations("LEASES", default={"worker": "60s", "agent": "10m", "human": "24h"}, shortest=1)
# How often a holder should renew its lease, by the same types; at least three times a lease.
HEARTBEAT_SECONDS = env.durations("HEARTBEATS", default={"worker": "15s", "agent": "200s", "human": "8h"}, shortest=1)
# How often leases that ran out are taken back.
REAP_SECONDS = env.whole("REAP_SECONDS", default=10, minimum=1)
# How long a routed task waits at most before it goes first, by priority.
AGEING_SECONDS = env.durations("AGEING", default={"high": "1d", "medium": "3d", "low": "7d"}, shortest=1)
# How long an offer to an instance waits for its answer, unless the instance's `delegation_timeout` says.
OFFER_SECONDS = env.whole("OFFER_SECONDS", default=120, minimum=1)
# How long an instance is asked about a task in review before the one above it is, unless its `review_timeout` says.
REVIEW_SECONDS = env.whole("REVIEW_SECONDS", default=3600, minimum=1)
# Promises and escalation of whatever names none itself (docs/deadlines.md), as the JSON of a project's `sla`.
SLA = env.object("SLA")
# What claim-next shares the work between, if a claim does not say: nothing, `requester` or `instance`.
FAIR_SHARE = env.text("FAIR_SHARE")
FAIR_SHARE_WEIGHTS = env.numbers("FAIR_SHARE_WEIGHTS")

# -- memory -------------------------------------------------------------------------------------------------

# The Git repository that consolidation writes, and where it is pushed; given as nothing: rows only, not pushed.
MEMORY_REPOSITORY = env.given("MEMORY_REPOSITORY", default=str(VAR_DIR / "memory"))
MEMORY_REMOTE = env.text("MEMORY_REMOTE")

# -- embeddings ---------------------------------------------------------------------------------------------

OPENAI_API_KEY = env.text("OPENAI_API_KEY")
OPENAI_BASE_URL = env.url("OPENAI_BASE_URL", default="", schemes=("http", "https"))
EMBEDDINGS_PROVIDER = env.text("EMBEDDINGS_PROVIDER") or ("openai" if OPENAI_API_KEY else "hashing")
EMBEDDINGS_MODEL = env.text("EMBEDDINGS_MODEL")
EMBEDDINGS_DIMENSION = env.whole("EMBEDDINGS_DIMENSION", default=1536, minimum=1)
EMBEDDINGS_BATCH_SIZE = env.whole("EMBEDDINGS_BATCH_SIZE", default=100, minimum=1)
EMBEDDINGS_TIMEOUT = env.whole("EMBEDDINGS_TIMEOUT", default=30, minimum=1)
EMBEDDINGS_MODEL_PATH = env.text("EMBEDDINGS_MODEL_PATH")
MODELS_DIR = VAR_DIR / "models"
# What `embed --fetch-model` brings: its name here, and its path below the address, bytes and SHA-256 there (ADR 12).
EMBEDDINGS_MODEL_URL = (
    env.url("EMBEDDINGS_MODEL_URL", default="", schemes=("http", "https"))
    or "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
)
EMBEDDINGS_MODEL_FILES = {
    "model.onnx": (
        "onnx/model_quint8_avx2.onnx", 23_046_789, "b941bf19f1f1283680f449fa6a7336bb5600bdcd5f84d10ddc5cd72218a0fd21",
    ),
    "tokenizer.json": (
        "tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    ),
}  # fmt: skip
DUPLICATE_SIMILARITY = env.share("DUPLICATE_SIMILARITY")

# -- advisers: who is asked when Hopper cannot tell (docs/advisers.md) -------------------------------------------

# How far a decision goes: rules alone, what was learned too, then a language model, a sage, or both in this order.
ROUTING_STRATEGY = env.choice("ROUTING_STRATEGY", default="hybrid", among=("hybrid", "rules", "learned", "llm", "sage"))
LLM_MODEL = env.text("LLM_MODEL")
LLM_SERVER = env.url("LLM_BASE_URL", default="", schemes=("http", "https"))
LLM_BASE_URL = LLM_SERVER or OPENAI_BASE_URL
LLM_API_KEY = env.text("LLM_API_KEY") or ("" if LLM_SERVER else OPENAI_API_KEY)  # a key goes to its own server alone
LLM_TIMEOUT = env.whole("LLM_TIMEOUT", default=10, minimum=1)
# Dollars for a million tokens asked and answered, like in=0.15,out=0.6; without them only calls and tokens are limited.
LLM_PRICES = env.numbers("LLM_PRICES")
# What one day (UTC) may cost; 0: no limit of this kind.
LLM_DAILY_CALLS = env.whole("LLM_DAILY_CALLS", default=500)
LLM_DAILY_TOKENS = env.whole("LLM_DAILY_TOKENS", default=1_000_000)
LLM_DAILY_BUDGET = env.whole("LLM_DAILY_BUDGET", default=0)
# Whose key answers as the sage, and for how long it is waited for before a person has to.
SAGE = env.text("SAGE")
SAGE_SECONDS = env.whole("SAGE_SECONDS", default=3600, minimum=1)
if LLM_MODEL or SAGE:
    CONSUMERS["task.review_requested"] = [*CONSUMERS["task.review_requested"], "advice"]
    CONSUMERS["advice.wanted"] = ["advice"]

# -- API ----------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "hopper.common.rest.authentication.ApiKeyAuthentication",
        "hopper.common.rest.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["hopper.common.rest.permissions.DenyUnlessDeclared"],
    "DEFAULT_PARSER_CLASSES": ["hopper.common.rest.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["hopper.common.rest.renderers.FastJSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "hopper.common.rest.pagination.KeysetPagination",
    "DEFAULT_FILTER_BACKENDS": [
        "hopper.common.rest.filters.StrictFilterBackend",
        "hopper.common.rest.filters.SearchBackend",
    ],
    "DEFAULT_SCHEMA_CLASS": "hopper.common.rest.problem.ProblemSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "TEST_REQUEST_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "hopper.common.rest.problem.ProblemHandler",
    "EXCEPTION_FORMATTER_CLASS": "hopper.common.rest.problem.ProblemFormatter",
    "ALLOWED_ERROR_STATUS_CODES": ["400", "401", "403", "404", "409", "412", "413", "415", "422", "428"],
    "ERROR_SCHEMAS": dict.fromkeys(
        ["400", "401", "403", "404", "409", "412", "413", "415", "422", "428"],
        "hopper.common.rest.problem.ProblemSerializer",
    ),
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Hopper",
    "DESCRIPTION": "Routes tasks to whoever is best able to do them, says why, and learns.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "TaskStatusEnum": "hopper.api.enums.TASK_STATUS",
        "InstanceStatusEnum": "hopper.api.enums.INSTANCE_STATUS",
        "DelegationStatusEnum": "hopper.api.enums.DELEGATION_STATUS",
        "TaskSourceEnum": "hopper.api.enums.TASK_SOURCE",
        "EpisodeSourceEnum": "hopper.api.enums.EPISODE_SOURCE",
        "PatternSourceEnum": "hopper.api.enums.PATTERN_SOURCE",
        "FeedbackSourceEnum": "hopper.api.enums.FEEDBACK_SOURCE",
        "DecidedByEnum": "hopper.api.enums.DECIDED_BY",
        "DependencyKindEnum": "hopper.api.enums.DEPENDENCY_KIND",
        "AdviceKindEnum": "hopper.api.enums.ADVICE_KIND",
    },
}

# -- admin --------------------------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Hopper",
    "SITE_HEADER": "Hopper",
    "SITE_SYMBOL": "alt_route",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("hopper/icon.svg")}],
    "STYLES": [lambda request: static("hopper/admin.css")],
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "feedback.pages.dashboard",
    "SIDEBAR": {"navigation": "feedback.pages.navigation"},
}

# -- language, time, logs -----------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = "hopper.common.formats"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"django.db.backends": {"level": "DEBUG" if env.flag("LOG_SQL", default=False) else "WARNING"}},
}
