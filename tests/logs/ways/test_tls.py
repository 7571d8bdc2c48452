"""Whom the sender trusts and what it shows, over real connections."""

import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs._answer import Failure
from queue_telemetry.logs._sender import HttpSender
from queue_telemetry.logs._tls import TlsFiles, tls_context
from queue_telemetry.logs._verdict import Action, read_status

Make = Callable[..., HttpSender]


def test_an_authority_of_the_users_is_trusted(certificates: Any, serve_tls: Any, make_sender: Make) -> None:
    server = serve_tls(certificates.server, certificates.server_key)

    answer = make_sender(server.url, certificates.ca).send(b"1\n")

    assert (200, b"ok", [b"1\n"]) == (answer.status, answer.body, server.bodies)


def test_an_unknown_authority_is_a_tls_failure_and_gets_nothing(
    certificates: Any, serve_tls: Any, make_sender: Make
) -> None:
    server = serve_tls(certificates.server, certificates.server_key)

    answer = make_sender(server.url).send(b"1\n")

    assert (None, Failure.TLS, []) == (answer.status, answer.failure, server.bodies)


def test_a_certificate_for_another_host_is_a_tls_failure(
    certificates: Any, serve_tls: Any, make_sender: Make
) -> None:
    server = serve_tls(certificates.elsewhere, certificates.elsewhere_key)

    assert Failure.TLS is make_sender(server.url, certificates.ca).send(b"1\n").failure
    assert [] == server.bodies


def test_the_clients_certificate_is_shown(certificates: Any, serve_tls: Any, make_sender: Make) -> None:
    server = serve_tls(certificates.server, certificates.server_key, certificates.ca)
    sender = make_sender(server.url, certificates.ca, certificates.client, certificates.client_key)

    assert 200 == sender.send(b"1\n").status
    assert [((("commonName", "client"),),)] == server.subjects


def test_a_certificate_and_its_key_may_be_one_file(
    certificates: Any, serve_tls: Any, make_sender: Make, tmp_path: Path
) -> None:
    server = serve_tls(certificates.server, certificates.server_key, certificates.ca)
    both = tmp_path / "both.pem"
    both.write_bytes(certificates.client.read_bytes() + certificates.client_key.read_bytes())

    assert 200 == make_sender(server.url, certificates.ca, both).send(b"1\n").status


def test_a_certificate_that_was_renewed_in_place_is_shown_at_the_next_attempt(
    certificates: Any, serve_tls: Any, make_sender: Make, tmp_path: Path
) -> None:
    server = serve_tls(certificates.server, certificates.server_key, certificates.ca)
    certificate, key = tmp_path / "client.pem", tmp_path / "client.key"
    shutil.copy(certificates.stranger, certificate)
    shutil.copy(certificates.stranger_key, key)
    sender = make_sender(server.url, certificates.ca, certificate, key)
    refused = sender.send(b"1\n").failure
    shutil.copy(certificates.client, certificate)
    shutil.copy(certificates.client_key, key)

    outcomes = [sender.send(b"2\n").status for _ in range(2)]

    assert Failure.TLS is refused
    assert [None, 200] == outcomes, "the failure makes it read the files again"
    assert [b"2\n"] == server.bodies


def test_a_renewal_that_cannot_be_read_changes_nothing(
    certificates: Any, serve_tls: Any, make_sender: Make, tmp_path: Path
) -> None:
    server = serve_tls(certificates.server, certificates.server_key, certificates.ca)
    certificate = tmp_path / "client.pem"
    shutil.copy(certificates.stranger, certificate)
    sender = make_sender(server.url, certificates.ca, certificate, certificates.stranger_key)
    certificate.unlink()

    assert [Failure.TLS] * 2 == [sender.send(b"1\n").failure for _ in range(2)]


def test_files_are_read_once_for_all_senders(certificates: Any) -> None:
    files = TlsFiles(certificates.ca)

    assert tls_context(files) is tls_context(TlsFiles(certificates.ca))


def test_an_authority_that_was_renewed_in_place_is_read_again_for_the_next_sender(
    certificates: Any, serve_tls: Any, make_sender: Make, tmp_path: Path
) -> None:
    server = serve_tls(certificates.server, certificates.server_key)
    ca = tmp_path / "ca.pem"
    shutil.copy(certificates.folder / "other.pem", ca)
    refused = make_sender(server.url, ca).send(b"1\n").failure
    shutil.copy(certificates.ca, ca)

    assert (Failure.TLS, 200) == (refused, make_sender(server.url, ca).send(b"2\n").status)


def test_an_authority_that_was_renewed_in_place_is_trusted_at_the_next_attempt(
    certificates: Any, serve_tls: Any, make_sender: Make, tmp_path: Path
) -> None:
    server = serve_tls(certificates.server, certificates.server_key)
    ca = tmp_path / "ca.pem"
    shutil.copy(certificates.folder / "other.pem", ca)
    sender = make_sender(server.url, ca)
    refused = sender.send(b"1\n").failure
    shutil.copy(certificates.ca, ca)

    assert [None, 200] == [sender.send(b"2\n").status for _ in range(2)]
    assert Failure.TLS is refused


def test_the_environment_of_other_tools_decides_nothing(
    certificates: Any, serve_tls: Any, make_sender: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve_tls(certificates.server, certificates.server_key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))

    assert Failure.TLS is make_sender(server.url).send(b"1\n").failure
    assert 200 == make_sender(server.url, certificates.ca).send(b"1\n").status
    assert not (tmp_path / "keys.log").exists()


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"])
def test_a_front_that_breaks_off_the_handshake_is_tried_again(
    make_sender: Make, says: bytes, certificates: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def break_off() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(says)

        thread = threading.Thread(target=break_off)
        thread.start()
        answer = make_sender(f"https://127.0.0.1:{listener.getsockname()[1]}/", certificates.ca).send(b"1\n")
        thread.join(5)

    assert Failure.CONNECT is answer.failure
    assert Action.RETRY is read_status(answer).action


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (("nothing", None, None), "the trusted certificates of LOG_TLS_CA='.*nothing.pem' cannot be read"),
        (("ca", "nothing", None), "LOG_TLS_CERT='.*nothing.pem' cannot be shown with its key"),
        (("ca", "client", None), "LOG_TLS_CERT='.*client.pem' cannot be shown with its key"),
        (("ca", "client", "stranger_key"), "LOG_TLS_CERT='.*client.pem' cannot be shown with its key"),
        (("ca", "client", "locked_key"), "LOG_TLS_KEY is locked by a password: should be a key without one"),
    ],
)
def test_files_that_do_not_fit_are_a_configuration_error(
    certificates: Any, make_sender: Make, tmp_path: Path, files: tuple[str | None, ...], words: str
) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    given = [nothing if name == "nothing" else name and getattr(certificates, name) for name in files]

    with pytest.raises(ConfigurationError, match=words):
        make_sender("https://127.0.0.1:1/", *given)
