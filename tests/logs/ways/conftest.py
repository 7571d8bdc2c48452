"""Real TLS servers and proxies on loopback, with certificates made for the session."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry._runtime import SYSTEM_CLOCK
from queue_telemetry.logs._endpoint import Endpoint
from queue_telemetry.logs._sender import HttpSender
from queue_telemetry.logs._tls import TlsFiles, forget_files
from queue_telemetry.logs.formats import NdjsonFormat


class Certificates:
    """Files in PEM: an authority, and a server's and a client's certificate of it; another authority's client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = self._authority("ca")
        self._authority("other")
        self.server, self.server_key = self._issue(
            "server", "ca", "subjectAltName=IP:127.0.0.1,DNS:localhost"
        )
        self.elsewhere, self.elsewhere_key = self._issue(
            "elsewhere", "ca", "subjectAltName=DNS:elsewhere.test"
        )
        self.client, self.client_key = self._issue("client", "ca", "extendedKeyUsage=clientAuth")
        self.stranger, self.stranger_key = self._issue("stranger", "other", "extendedKeyUsage=clientAuth")
        self.locked_key = folder / "locked.key"
        self._openssl(
            "ec", "-in", self.client_key, "-aes128", "-passout", "pass:w0rd", "-out", self.locked_key
        )

    def _authority(self, name: str) -> Path:
        self._request(
            name, "-x509", "-days", "2", "-addext", "keyUsage=critical,keyCertSign", out=f"{name}.pem"
        )
        return self.folder / f"{name}.pem"

    def _issue(self, name: str, issuer: str, extension: str) -> tuple[Path, Path]:
        self._request(name, out=f"{name}.csr")
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"{extension}\nauthorityKeyIdentifier=keyid\n")
        signed_by = ("-CA", self.folder / f"{issuer}.pem", "-CAkey", self.folder / f"{issuer}.key")
        certificate = self.folder / f"{name}.pem"
        self._openssl(
            *("x509", "-req", "-in", self.folder / f"{name}.csr", "-days", "2", "-CAcreateserial"),
            *(*signed_by, "-extfile", extensions, "-out", certificate),
        )
        return certificate, self.folder / f"{name}.key"

    def _request(self, name: str, *more: str, out: str) -> None:
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout")
        self._openssl(
            *("req", "-new", *key, self.folder / f"{name}.key", "-subj", f"/CN={name}"),
            *(*more, "-out", self.folder / out),
        )

    def _openssl(self, *arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


class Loopback:
    """Serves each connection on a thread of its own; all end with it."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def stop(self) -> None:
        for connection in (self._listener, *self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._threads.append(threading.Thread(target=self._run, args=(connection,)))
            self._threads[-1].start()

    def _run(self, connection: socket.socket) -> None:
        try:
            self._serve(connection)
        except OSError:
            pass
        finally:
            connection.close()


def read_request(connection: socket.socket) -> tuple[str, dict[str, str], bytes]:
    """Return the first line, the headers and the body of one request; raises OSError at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            raise OSError
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return line, headers, body


class TlsCollector:
    """Answers 200 over TLS, and keeps what came and the subject of the client's certificate."""

    def __init__(self, certificate: Path, key: Path, *, clients_of: Path | None = None) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.context.maximum_version = (
            ssl.TLSVersion.TLSv1_2
        )  # refuses a client in the handshake, not after it
        if clients_of is not None:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(clients_of)
        self.bodies: list[bytes] = []
        self.subjects: list[Any] = []
        self._server = Loopback(self._serve)
        self.port = self._server.port
        self.url = f"https://127.0.0.1:{self.port}/logs"

    def stop(self) -> None:
        self._server.stop()

    def _serve(self, plain: socket.socket) -> None:
        with self.context.wrap_socket(plain, server_side=True) as connection:
            while True:
                _, _, body = read_request(connection)
                self.bodies.append(body)
                self.subjects.append((connection.getpeercert() or {}).get("subject"))
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


@pytest.fixture
def serve_tls() -> Iterator[Callable[..., TlsCollector]]:
    made: list[TlsCollector] = []

    def serve(certificate: Path, key: Path, clients_of: Path | None = None) -> TlsCollector:
        made.append(TlsCollector(certificate, key, clients_of=clients_of))
        return made[-1]

    yield serve
    for server in made:
        server.stop()


class Proxy:
    """Forwards plain requests by answering them itself, and tunnels; refuses with *status* when it is not 200."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.status = 200
        self.lines: list[str] = []
        self.passwords: list[str | None] = []
        self._context = context
        self._server = Loopback(self._serve)
        self.port = self._server.port

    def stop(self) -> None:
        self._server.stop()

    def _serve(self, connection: socket.socket) -> None:
        if self._context is None:
            self._talk(connection)
        else:
            with self._context.wrap_socket(connection, server_side=True) as encrypted:
                self._talk(encrypted)

    def _talk(self, connection: socket.socket) -> None:
        while True:
            line, headers, _ = read_request(connection)
            self.lines.append(line)
            self.passwords.append(headers.get("proxy-authorization"))
            connection.sendall(b"HTTP/1.1 %d Said\r\ncontent-length: 0\r\n\r\n" % self.status)
            if line.startswith("CONNECT") and self.status == 200:
                host, _, port = line.split()[1].rpartition(":")
                with socket.create_connection((host, int(port))) as target:
                    back = threading.Thread(target=_pump, args=(target, connection))
                    back.start()
                    _pump(connection, target)
                    back.join(5)
                return


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    server = Proxy()
    yield server
    server.stop()


@pytest.fixture
def tls_proxy(certificates: Certificates) -> Iterator[Proxy]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    server = Proxy(context)
    yield server
    server.stop()


@pytest.fixture
def make_sender() -> Iterator[Callable[..., HttpSender]]:
    made: list[HttpSender] = []

    def make(
        url: str,
        ca: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        proxy: str | None = None,
        total_s: float = 15.0,
    ) -> HttpSender:
        tls = TlsFiles(ca, certificate, key)
        endpoint = Endpoint.parse(url, "t0k3n", {}, NdjsonFormat(), tls=tls, proxy=proxy)
        made.append(HttpSender(endpoint, clock=SYSTEM_CLOCK, total_s=total_s))
        return made[-1]

    forget_files()
    yield make
    for sender in made:
        sender.close()
    forget_files()
