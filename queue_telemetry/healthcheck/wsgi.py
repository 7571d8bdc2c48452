"""The probes as a WSGI application, to be mounted beside the user's own or served alone."""

from collections.abc import Iterable
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from queue_telemetry.healthcheck._answer import Probes, Request

__all__ = ["make_wsgi_app"]


def make_wsgi_app(probes: Probes) -> WSGIApplication:
    """Make an application that answers GET and HEAD on `/livez`, `/readyz`, `/healthz` and `/metrics`.

    200 or 503 by the verdict, 404 and 405 elsewhere; JSON or the text of metrics, never cached. Paths are those below
    `SCRIPT_NAME`, so it works under any prefix. Neither it nor its answers raise.

    Args:
        probes: Asked once a request, on the server's thread.

    Source: https://peps.python.org/pep-3333/
    """

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        answer = probes.answer(
            Request(
                method,
                environ.get("PATH_INFO", ""),
                environ.get("QUERY_STRING", ""),
                environ.get("HTTP_ACCEPT", ""),
                environ.get("HTTP_AUTHORIZATION", ""),
            )
        )
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", answer.headers())
        return [] if method == "HEAD" else [answer.body]

    return application
