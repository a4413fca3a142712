"""Hopper as gunicorn loads it, answering with what its database connection is like."""

import json

from hopper.wsgi import application as hopper  # noqa: F401 - what gunicorn loads


def application(environ, start_response):
    from django.conf import settings
    from django.db import connection

    from hopper.common.db.rows import read_row

    is_postgres = settings.DATABASES["default"]["ENGINE"].endswith("postgresql")
    timeout = read_row("SHOW statement_timeout")[0] if is_postgres else None
    has_pool = is_postgres and connection.pool is not None
    connection.close()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([settings.HOPPER_ROLE, timeout, has_pool]).encode()]
