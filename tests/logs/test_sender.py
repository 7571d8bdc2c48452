"""One POST over a real socket: headers, compression, the kept connection, deadlines and failures as values."""

import gzip
import logging
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.metadata import version
from typing import Any

import httpcore
import httpx
import pytest
import respx

from queue_telemetry._runtime import SYSTEM_CLOCK, guarded
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs._answer import Answer, Failure
from queue_telemetry.logs._endpoint import Endpoint
from queue_telemetry.logs._sender import HttpSender
from queue_telemetry.logs.formats import NdjsonFormat

Make = Callable[..., HttpSender]


@pytest.fixture
def make_sender() -> Iterator[Make]:
    made: list[HttpSender] = []

    def make(url: str, token: str | None = None, total_s: float = 15.0, **headers: str) -> HttpSender:
        sender = HttpSender(
            Endpoint.parse(url, token, headers, NdjsonFormat()), clock=SYSTEM_CLOCK, total_s=total_s
        )
        made.append(sender)
        return sender

    yield make
    for sender in made:
        sender.close()


@pytest.fixture
def ticker() -> Iterator[Callable[[HttpSender], None]]:
    """Calls `enforce_deadline` as the owner does, only more often."""
    done = threading.Event()
    threads: list[threading.Thread] = []

    def start(sender: HttpSender) -> None:
        def run() -> None:
            while not done.wait(0.02):
                sender.enforce_deadline()

        threads.append(threading.Thread(target=run))
        threads[-1].start()

    yield start
    done.set()
    for thread in threads:
        thread.join()


def test_a_small_body_is_sent_as_it_is(collector: Any, make_sender: Make) -> None:
    collector.reply(202)

    answer = make_sender(collector.url, "t0k", **{"x-org": "7"}).send(b'{"a":1}\n')

    assert Answer(202, None, None, 8, b"ok") == answer
    request = collector.requests[0]
    assert ("POST /logs HTTP/1.1", b'{"a":1}\n') == (request.line, request.raw)
    sent = {
        name: request.headers.get(name) for name in ("authorization", "content-type", "x-org", "user-agent")
    }
    assert {
        "authorization": "Bearer t0k",
        "content-type": "application/x-ndjson",
        "x-org": "7",
        "user-agent": f"queue-telemetry/{version('queue-telemetry')}",
    } == sent
    assert "content-encoding" not in request.headers


def test_a_body_from_a_kibibyte_on_is_compressed(collector: Any, make_sender: Make) -> None:
    body = bytearray(b"0123456789abcdef" * 64)

    answer = make_sender(collector.url).send(body)

    request = collector.requests[0]
    assert ("gzip", bytes(body)) == (request.headers["content-encoding"], zlib.decompress(request.raw, 31))
    assert len(request.raw) == answer.bytes_wire < 200


def test_one_connection_is_kept(collector: Any, make_sender: Make) -> None:
    sender = make_sender(collector.url)
    for _ in range(3):
        sender.send(b"{}\n")

    assert (3, 1) == (len(collector.requests), collector.connections)


def test_a_user_may_set_another_content_type(collector: Any, make_sender: Make) -> None:
    make_sender(collector.url, **{"Content-Type": "application/json"}).send(b"{}\n")

    assert "application/json" == collector.requests[0].headers["content-type"]


def test_a_stale_kept_connection_costs_one_resend_at_once(collector: Any, make_sender: Make) -> None:
    collector.reply(200)
    collector.reply(200, then="close_unanswered")
    sender = make_sender(collector.url)
    sender.send(b"1\n")

    answer = sender.send(b"2\n")

    assert 200 == answer.status
    assert [b"1", b"2", b"2"] == collector.lines()
    assert [1, 1, 2] == [request.connection for request in collector.requests]


def test_a_new_connection_closed_without_an_answer_is_not_resent(collector: Any, make_sender: Make) -> None:
    collector.reply(200, then="close_unanswered")

    answer = make_sender(collector.url).send(b"1\n")

    assert (None, Failure.NETWORK, 1) == (answer.status, answer.failure, len(collector.requests))


def test_redirects_are_not_followed(collector: Any, make_sender: Make) -> None:
    collector.reply(302, location=f"http://127.0.0.1:{collector.port}/elsewhere")

    assert 302 == make_sender(collector.url).send(b"1\n").status
    assert 1 == len(collector.requests)


def test_a_closed_port_is_a_connect_failure(make_sender: Make) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound but not listening: refused
        answer = make_sender(f"http://127.0.0.1:{free.getsockname()[1]}/").send(b"1\n")

    assert (None, Failure.CONNECT) == (answer.status, answer.failure)


def test_a_plain_server_behind_https_is_a_connect_failure(make_sender: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = make_sender(f"https://127.0.0.1:{listener.getsockname()[1]}/")

        def answer_plainly() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer_plainly)
        thread.start()
        answer = sender.send(b"1\n")
        thread.join()

    assert Failure.CONNECT is answer.failure


def test_what_is_not_http_is_a_network_failure(collector: Any, make_sender: Make) -> None:
    collector.reply(200, **{"bad header": "\x00"})

    assert Failure.NETWORK is make_sender(collector.url).send(b"1\n").failure


@pytest.mark.parametrize("fault", ["hang", "trickle_head", "trickle_body"])
def test_an_exchange_ends_in_time_without_another_thread(
    collector: Any, make_sender: Make, fault: str
) -> None:
    collector.reply(200, then=fault)
    began_s = time.monotonic()

    answer = make_sender(collector.url).send(b"1\n", within_s=0.3)

    assert time.monotonic() - began_s < 1.5
    assert fault == "trickle_body" or answer.status is None


@pytest.mark.parametrize("fault", ["hang", "trickle_head"])
def test_the_total_deadline_ends_a_collector_that_does_not_finish(
    collector: Any, make_sender: Make, ticker: Callable[[HttpSender], None], fault: str
) -> None:
    collector.reply(200, then=fault)
    sender = make_sender(collector.url, total_s=0.3)
    ticker(sender)
    began_s = time.monotonic()

    answer = sender.send(b"1\n")

    assert (None, Failure.DEADLINE) == (answer.status, answer.failure)
    assert time.monotonic() - began_s < 2
    assert 1 == len(collector.requests)


def test_a_kept_connection_over_its_deadline_is_not_resent(
    collector: Any, make_sender: Make, ticker: Callable[[HttpSender], None]
) -> None:
    collector.reply(200)
    collector.reply(200, then="trickle_head")
    sender = make_sender(collector.url, total_s=0.3)
    ticker(sender)
    sender.send(b"1\n")

    assert Failure.DEADLINE is sender.send(b"2\n").failure
    assert 2 == len(collector.requests)


def test_a_body_that_trickles_is_cut_and_its_status_stands(
    collector: Any, make_sender: Make, ticker: Callable[[HttpSender], None]
) -> None:
    collector.reply(200, then="trickle_body")
    sender = make_sender(collector.url, total_s=0.3)
    ticker(sender)
    began_s = time.monotonic()

    answer = sender.send(b"1\n")

    assert (200, None) == (answer.status, answer.failure)
    assert time.monotonic() - began_s < 2


def test_a_timeout_without_anybody_enforcing_a_deadline_ends_a_hang_too(
    collector: Any, make_sender: Make
) -> None:
    collector.reply(200, then="hang")

    answer = make_sender(collector.url, total_s=0.2).send(b"1\n")

    assert Failure.DEADLINE is answer.failure


def test_silence_is_a_timeout_before_the_total_deadline(
    collector: Any, make_sender: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_telemetry.logs._sender._READ_S", 0.1)
    collector.reply(200, then="hang")

    assert Failure.TIMEOUT is make_sender(collector.url).send(b"1\n").failure


def test_the_caller_may_have_less_time(collector: Any, make_sender: Make) -> None:
    collector.reply(200, then="hang")
    began_s = time.monotonic()

    answer = make_sender(collector.url).send(b"1\n", within_s=0.1)

    assert Failure.DEADLINE is answer.failure
    assert time.monotonic() - began_s < 1.5


def test_abort_ends_the_present_exchange_and_later_ones(collector: Any, make_sender: Make) -> None:
    collector.usual.then = "hang"
    sender = make_sender(collector.url)
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(sender.send(b"1\n")))
    thread.start()
    assert collector.wait_for(1)

    sender.abort()
    thread.join(5)
    answers.append(sender.send(b"2\n"))

    assert [Failure.ABORTED] * 2 == [answer.failure for answer in answers]


@pytest.mark.parametrize(("body_bytes", "connections"), [(60_000, 1), (200_000, 2)])
def test_an_answer_is_read_off_to_keep_the_connection_unless_it_is_long(
    collector: Any, make_sender: Make, body_bytes: int, connections: int
) -> None:
    collector.reply(400, body=b"y" * body_bytes)
    sender = make_sender(collector.url)

    assert [400, 200] == [sender.send(b"1\n").status for _ in range(2)]

    assert connections == collector.connections


def test_the_answers_body_is_read_and_decompressed(collector: Any, make_sender: Make) -> None:
    collector.reply(400, body=gzip.compress(b"line 3 is odd"), content_encoding="gzip")

    assert b"line 3 is odd" == make_sender(collector.url).send(b"1\n").body
    assert "gzip" == collector.requests[0].headers["accept-encoding"]


def test_an_answer_that_quotes_our_secrets_is_stripped_of_them(collector: Any, make_sender: Make) -> None:
    collector.reply(400, body=b"token t0ken-of-ours, password pa55w0rd-of-ours, key k3y-of-ours are wrong")
    url = f"http://u:pa55w0rd-of-ours@127.0.0.1:{collector.port}/?dd-api-key=k3y-of-ours"

    body = make_sender(url, "t0ken-of-ours").send(b"1\n").body

    assert b"token [redacted], password [redacted], key [redacted] are wrong" == body


def test_of_a_long_body_the_beginning_is_read(collector: Any, make_sender: Make) -> None:
    collector.reply(400, body=b"y" * 200_000)
    collector.reply(400, body=gzip.compress(bytes(50_000_000)), content_encoding="gzip")
    sender = make_sender(collector.url)

    assert [b"y" * 65_536, bytes(65_536)] == [sender.send(b"1\n").body for _ in range(2)]


def test_a_body_that_breaks_off_is_read_as_far_as_it_came(
    collector: Any, make_sender: Make, ticker: Callable[[HttpSender], None]
) -> None:
    collector.reply(200, then="trickle_body")
    sender = make_sender(collector.url, total_s=0.3)
    ticker(sender)

    answer = sender.send(b"1\n")

    assert 200 == answer.status
    assert b"x" * len(answer.body) == answer.body


def test_a_collector_that_takes_nothing_compressed_is_asked_once(collector: Any, make_sender: Make) -> None:
    body = b"0123456789abcdef" * 64
    collector.reply(415)
    sender = make_sender(collector.url)

    assert [200, 200] == [sender.send(body).status for _ in range(2)]
    assert ["gzip", None, None] == [request.headers.get("content-encoding") for request in collector.requests]
    assert [body, body] == [request.raw for request in collector.requests[1:]]


def test_a_type_that_is_refused_either_way_stays_compressed(collector: Any, make_sender: Make) -> None:
    body = b"0123456789abcdef" * 64
    collector.reply(415)
    collector.reply(415)
    sender = make_sender(collector.url)

    assert [415, 200] == [sender.send(body).status for _ in range(2)]
    assert ["gzip", None, "gzip"] == [
        request.headers.get("content-encoding") for request in collector.requests
    ]


def test_a_small_body_that_is_refused_is_not_repeated(collector: Any, make_sender: Make) -> None:
    collector.reply(415)

    assert 415 == make_sender(collector.url).send(b"1\n").status
    assert 1 == len(collector.requests)


def test_datadogs_reset_is_part_of_the_answer(collector: Any, make_sender: Make) -> None:
    collector.reply(429, x_ratelimit_reset="9")

    assert 9.0 == make_sender(collector.url).send(b"1\n").retry_after_s


def test_retry_after_is_part_of_the_answer(collector: Any, make_sender: Make) -> None:
    collector.reply(429, retry_after="17")

    assert 17.0 == make_sender(collector.url).send(b"1\n").retry_after_s


def test_no_log_line_of_any_library_holds_a_secret(
    collector: Any, make_sender: Make, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"http://user:pa55@127.0.0.1:{collector.port}/?dd-api-key=K3Y"
    with caplog.at_level(logging.DEBUG), guarded():
        make_sender(url, **{"x-key": "H3ADER"}).send(b'{"p":"PAYL0AD"}\n')

    shown = "\n".join(record.getMessage() for record in caplog.records)
    assert not [secret for secret in ("pa55", "K3Y", "H3ADER", "PAYL0AD", "dXNlcj") if secret in shown]
    assert not [record for record in caplog.records if record.name.startswith("http")]


def test_a_redirect_shows_its_url_in_no_log_line(
    collector: Any, make_sender: Make, caplog: pytest.LogCaptureFixture
) -> None:
    collector.reply(301, location="https://logs.test/?dd-api-key=K3Y")
    with caplog.at_level(logging.DEBUG), guarded():
        make_sender(f"{collector.url}?dd-api-key=K3Y").send(b"1\n")

    assert "K3Y" not in caplog.text


def test_the_applications_own_lines_of_the_http_library_stay(
    collector: Any, make_sender: Make, caplog: pytest.LogCaptureFixture
) -> None:
    make_sender(collector.url)
    with caplog.at_level(logging.DEBUG), httpcore.ConnectionPool() as pool:
        pool.request("POST", collector.url, content=b"1\n")

    assert [record for record in caplog.records if record.name == "httpcore.http11"]


def test_the_request_is_what_the_http_library_calls_a_post(make_sender: Make) -> None:
    with respx.mock(using="httpcore") as mock:
        route = mock.post("https://logs.test/in", headers={"authorization": "Bearer t0k"})
        route.mock(return_value=httpx.Response(503, headers={"retry-after": "3"}))

        answer = make_sender("https://logs.test/in", "t0k").send(b"{}\n")

    assert (503, 3.0) == (answer.status, answer.retry_after_s)


@pytest.mark.parametrize("url", ["http://xn--a/", "http://a..b/", f"http://{'a' * 64}.test/"])
def test_a_host_that_no_look_up_takes_is_a_configuration_error(make_sender: Make, url: str) -> None:
    with pytest.raises(ConfigurationError, match="LOG_URL"):
        make_sender(url)


def test_a_look_up_that_hangs_ends_with_the_exchange(
    make_sender: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    _look_up_as(monkeypatch, lambda: answered.wait(10) and [])
    began_s = time.monotonic()

    answer = make_sender("http://slow.test/").send(b"1\n", within_s=0.1)

    answered.set()
    assert Failure.DEADLINE is answer.failure
    assert time.monotonic() - began_s < 2


def test_abort_ends_the_wait_for_a_look_up(make_sender: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered = threading.Event(), threading.Event()

    def hang() -> list[Any]:
        asked.set()
        answered.wait(10)
        return []

    _look_up_as(monkeypatch, hang)
    sender = make_sender("http://slow.test/")
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(sender.send(b"1\n")))
    thread.start()
    assert asked.wait(5)

    sender.abort()
    thread.join(2)

    answered.set()
    assert [Failure.ABORTED] == [answer.failure for answer in answers]


def test_addresses_that_do_not_answer_share_the_time_of_one_exchange(
    make_sender: Make, deaf: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _look_up_as(monkeypatch, lambda: _found(deaf))
    began_s = time.monotonic()

    answer = make_sender("http://many.test/").send(b"1\n", within_s=0.4)

    assert Failure.DEADLINE is answer.failure
    assert time.monotonic() - began_s < 2


def test_an_address_behind_one_that_does_not_answer_is_reached(
    collector: Any, make_sender: Make, deaf: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _look_up_as(monkeypatch, lambda: _found([deaf[0], ("127.0.0.1", collector.port)]))

    assert 200 == make_sender("http://many.test/").send(b"1\n", within_s=1.0).status


def test_abort_ends_a_connect(
    make_sender: Make, deaf: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = make_sender(f"http://{deaf[0][0]}:{deaf[0][1]}/")
    connecting = threading.Event()
    hold = sender._hold

    def tell(connection: socket.socket) -> None:
        hold(connection)
        connecting.set()

    monkeypatch.setattr(sender._pool._network_backend, "_on_socket", tell)
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(sender.send(b"1\n")))
    thread.start()
    assert connecting.wait(5)
    began_s = time.monotonic()
    while not answers and time.monotonic() - began_s < 2:
        sender.abort()  # the connect may begin a moment after its socket is known
        thread.join(0.01)

    thread.join(5)
    assert [Failure.ABORTED] == [answer.failure for answer in answers]
    assert time.monotonic() - began_s < 2, "a connect alone takes three seconds"


@pytest.fixture
def deaf() -> Iterator[list[tuple[str, int]]]:
    """Addresses of listeners whose queue is full, so that a connect to them is never answered."""
    with ExitStack() as stack:
        addresses = []
        for number in range(1, 4):
            listener = stack.enter_context(socket.socket())
            listener.bind((f"127.0.0.{number}", 0))
            listener.listen(0)
            for _ in range(4):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            addresses.append(listener.getsockname())
        yield addresses


def _look_up_as(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], Any]) -> None:
    """Let the system answer for names as DNS might; it is the one thing that a test cannot have for real."""
    real = socket.getaddrinfo

    def look_up(host: str, *args: Any, **options: Any) -> Any:
        if host.endswith(".test") and not options.get("flags"):
            return answer()
        return real(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def _found(addresses: list[tuple[str, int]]) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
