"""What a browser is shown while the database cannot answer; the API says it by a problem document."""

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from hopper.common.db.failures import passing_failure

log = logging.getLogger(__name__)


class OutagePages:
    """Middleware: a page that says what to do, instead of "Server Error", where a failure passes by itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        failure = passing_failure(exception)
        if failure is None:
            return None
        log.error("%s %s: %s", request.method, request.path, str(exception).strip())
        page = render(None, "503.html", {"failure": failure}, status=failure.status)
        page["Retry-After"] = str(failure.retry_after)
        return page
