"""The probes as a WSGI application, to be mounted beside the user's own or served alone."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from queue_telemetry.healthcheck._answer import answer
from queue_telemetry.healthcheck.report import HealthReport

__all__ = ["make_wsgi_app"]


def make_wsgi_app(report: Callable[[], HealthReport]) -> WSGIApplication:
    """Make an application that answers GET and HEAD on `/livez`, `/readyz` and `/healthz`.

    200 or 503 by the verdict, 404 and 405 elsewhere; JSON, never cached. Paths are those below `SCRIPT_NAME`, so it
    works under any prefix. The bodies are meant for the public: see `_answer`. Neither it nor its answers raise.

    Args:
        report: Makes the report of now; called once a request, on the server's thread.

    Source: https://peps.python.org/pep-3333/
    """

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        found = answer(report, method, environ.get("PATH_INFO", ""), environ.get("HTTP_ACCEPT", ""))
        start_response(
            f"{found.status} {HTTPStatus(found.status).phrase}",
            [
                ("Content-Type", found.content_type),
                ("Content-Length", str(len(found.body))),
                ("Cache-Control", "no-store"),
                *found.headers.items(),
            ],
        )
        return [] if method == "HEAD" else [found.body]

    return application
