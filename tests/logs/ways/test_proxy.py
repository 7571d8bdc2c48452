"""The way through a proxy, plain and tunnelled."""

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry._runtime import guarded
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs._answer import Failure
from queue_telemetry.logs._sender import HttpSender
from queue_telemetry.logs._verdict import Action, read_status

Make = Callable[..., HttpSender]


@pytest.fixture
def tls_server(certificates: Any, serve_tls: Any) -> Any:
    return serve_tls(certificates.server, certificates.server_key)


def test_a_plain_request_is_forwarded_whole(proxy: Any, make_sender: Make) -> None:
    sender = make_sender("http://logs.test/in?x=1", proxy=f"http://127.0.0.1:{proxy.port}")

    assert [200, 200] == [sender.send(b"1\n").status for _ in range(2)]
    assert ["POST http://logs.test/in?x=1 HTTP/1.1"] * 2 == proxy.lines


def test_tls_goes_through_a_tunnel_that_is_kept(
    proxy: Any, tls_server: Any, certificates: Any, make_sender: Make
) -> None:
    sender = make_sender(tls_server.url, certificates.ca, proxy=f"http://127.0.0.1:{proxy.port}")

    assert [200, 200] == [sender.send(b"1\n").status for _ in range(2)]
    assert [f"CONNECT 127.0.0.1:{tls_server.port} HTTP/1.1"] == proxy.lines
    assert [b"1\n"] * 2 == tls_server.bodies


def test_the_proxys_password_goes_to_the_proxy_alone(
    proxy: Any, tls_server: Any, certificates: Any, make_sender: Make
) -> None:
    url = f"http://al%40ice:pa%3Ass@127.0.0.1:{proxy.port}"

    assert 200 == make_sender(tls_server.url, certificates.ca, proxy=url).send(b"1\n").status
    assert ["Basic YWxAaWNlOnBhOnNz"] == proxy.passwords


@pytest.mark.parametrize(
    ("status", "failure", "action"),
    [
        (407, Failure.PROXY, Action.PARK),
        (403, Failure.PROXY, Action.PARK),
        (502, Failure.CONNECT, Action.RETRY),
        (503, Failure.CONNECT, Action.RETRY),
    ],
)
def test_a_tunnel_that_is_refused_keeps_the_records(
    proxy: Any, certificates: Any, make_sender: Make, status: int, failure: Failure, action: Action
) -> None:
    proxy.status = status
    sender = make_sender("https://logs.test/", certificates.ca, proxy=f"http://127.0.0.1:{proxy.port}")

    answer = sender.send(b"1\n")

    assert (None, failure, action) == (answer.status, answer.failure, read_status(answer).action)


def test_a_plain_request_that_the_proxy_wants_a_password_for_parks(proxy: Any, make_sender: Make) -> None:
    proxy.status = 407
    answer = make_sender("http://logs.test/", proxy=f"http://127.0.0.1:{proxy.port}").send(b"1\n")

    assert (407, Action.PARK) == (answer.status, read_status(answer).action)


def test_a_proxy_may_be_reached_by_tls_itself(tls_proxy: Any, certificates: Any, make_sender: Make) -> None:
    sender = make_sender("http://logs.test/in", certificates.ca, proxy=f"https://127.0.0.1:{tls_proxy.port}")

    assert 200 == sender.send(b"1\n").status
    assert ["POST http://logs.test/in HTTP/1.1"] == tls_proxy.lines


def test_a_tunnel_may_go_through_a_proxy_that_is_reached_by_tls(
    tls_proxy: Any, tls_server: Any, certificates: Any, make_sender: Make
) -> None:
    body = b"0123456789abcdef" * 20_000
    sender = make_sender(tls_server.url, certificates.ca, proxy=f"https://127.0.0.1:{tls_proxy.port}")

    assert [200, 200] == [sender.send(sent).status for sent in (b"1\n", body)]
    assert [f"CONNECT 127.0.0.1:{tls_server.port} HTTP/1.1"] == tls_proxy.lines
    assert 2 == len(tls_server.bodies)


def test_in_a_tunnel_through_tls_the_collector_has_to_be_trusted_too(
    tls_proxy: Any, certificates: Any, serve_tls: Any, make_sender: Make
) -> None:
    server = serve_tls(certificates.elsewhere, certificates.elsewhere_key)
    sender = make_sender(server.url, certificates.ca, proxy=f"https://127.0.0.1:{tls_proxy.port}")

    assert Failure.TLS is sender.send(b"1\n").failure
    assert [] == server.bodies


def test_a_proxy_that_is_not_there_is_a_connect_failure(proxy: Any, make_sender: Make) -> None:
    proxy.stop()

    answer = make_sender("https://logs.test/", proxy=f"http://127.0.0.1:{proxy.port}").send(b"1\n")

    assert Failure.CONNECT is answer.failure


def test_variables_of_other_tools_set_no_proxy(
    collector: Any, make_sender: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert 200 == make_sender(collector.url).send(b"1\n").status


def test_the_total_deadline_holds_in_a_tunnel(collector: Any, certificates: Any, make_sender: Make) -> None:
    collector.usual.then = "hang"  # it answers CONNECT no more than anything else
    sender = make_sender(
        "https://logs.test/", certificates.ca, proxy=f"http://127.0.0.1:{collector.port}", total_s=0.2
    )
    began_s = time.monotonic()

    assert Failure.DEADLINE is sender.send(b"1\n").failure
    assert time.monotonic() - began_s < 2


@pytest.mark.parametrize("url", ["http://[::1", "http://proxy.test:port", "ftp://proxy.test"])
def test_what_is_no_proxy_is_a_configuration_error_without_its_password(make_sender: Make, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^LOG_PROXY is no valid URL$") as caught:
        make_sender("https://logs.test/", proxy=url.replace("://", "://u:s3cr3t@"))

    assert caught.value.__cause__ is None


def test_no_line_of_any_library_holds_a_secret(
    proxy: Any, tls_server: Any, certificates: Any, make_sender: Make, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"http://user:pr0xypa55@127.0.0.1:{proxy.port}"
    with caplog.at_level(logging.DEBUG), guarded():
        sender = make_sender(f"{tls_server.url}?key=K3Y", certificates.ca, proxy=url)
        sender.send(b'{"p":"PAYL0AD"}\n')
        proxy.status = 407
        make_sender(f"{tls_server.url}?key=K3Y", certificates.ca, proxy=url).send(b'{"p":"PAYL0AD"}\n')

    shown = "\n".join(record.getMessage() for record in caplog.records)
    assert not [secret for secret in ("pr0xypa55", "K3Y", "t0k3n", "PAYL0AD", "dXNlcjpwc") if secret in shown]
    assert not [record for record in caplog.records if record.levelno >= logging.INFO]
