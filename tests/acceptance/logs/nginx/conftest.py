"""nginx as a collector in trouble: its answers change with files that a test makes, and it logs every body that it took."""

import gzip
import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_CONFIG = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log notice;
events {{ worker_connections 256; }}
http {{
  client_body_temp_path {folder}/tmp/b; proxy_temp_path {folder}/tmp/p; fastcgi_temp_path {folder}/tmp/f;
  uwsgi_temp_path {folder}/tmp/u; scgi_temp_path {folder}/tmp/s;
  client_body_buffer_size 4m; client_body_in_single_buffer on; client_max_body_size 8m;
  log_format seen escape=json '{{"status":$status,"uri":"$request_uri","encoding":"$http_content_encoding",'
    '"connection":$connection,"at":$msec,"certificate":"$ssl_client_s_dn","body":"$request_body"}}';
  access_log {folder}/access.jsonl seen;
  limit_req_zone $uri zone=by_path:1m rate=2r/s;
  server {{  # takes what the others pass on; they log the body only when they read it
    listen 127.0.0.1:{sink}; access_log off; location / {{ return 200 "{{}}"; }}
  }}
  server {{
    listen 127.0.0.1:{plain};
    listen 127.0.0.1:{tls} ssl;
    ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
    location ~ ^/switch/(?<test>\\w+)$ {{
      if (-f {folder}/switches/$test/500) {{ return 500; }}
      if (-f {folder}/switches/$test/502) {{ return 502; }}
      if (-f {folder}/switches/$test/503) {{ return 503 "maintenance"; }}
      if (-f {folder}/switches/$test/307) {{ return 307 /elsewhere; }}
      if (-f {folder}/switches/$test/444) {{ return 444; }}
      proxy_pass http://127.0.0.1:{sink};
    }}
    location ~ ^/small/ {{ client_max_body_size 2k; proxy_pass http://127.0.0.1:{sink}; }}
    location ~ ^/limited/ {{
      limit_req zone=by_path; limit_req_status 429; error_page 429 @later; proxy_pass http://127.0.0.1:{sink};
    }}
    location @later {{ internal; add_header Retry-After 1 always; return 429 "slow down"; }}
    location ~ ^/key/(?<test>\\w+)$ {{
      auth_basic logs; auth_basic_user_file {folder}/switches/$test/passwords; proxy_pass http://127.0.0.1:{sink};
    }}
    location ~ ^/down/ {{ proxy_pass http://127.0.0.1:1; }}
    location /elsewhere {{ proxy_pass http://127.0.0.1:{sink}; }}
  }}
  server {{  # a connection is cut after each second request
    listen 127.0.0.1:{brief}; keepalive_requests 2; location / {{ proxy_pass http://127.0.0.1:{sink}; }}
  }}
  server {{  # only who shows a certificate of the authority's may come in
    listen 127.0.0.1:{mutual} ssl;
    ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
    ssl_client_certificate {folder}/ca.pem; ssl_verify_client on;
    location / {{ proxy_pass http://127.0.0.1:{sink}; }}
  }}
}}
"""
_PORTS = ("sink", "plain", "tls", "brief", "mutual")


@dataclass(frozen=True)
class Request:
    """One request as nginx logged it; *at_s* is when it answered, in seconds since the epoch."""

    status: int
    connection: int
    at_s: float
    certificate: str
    uri: str
    records: list[dict[str, Any]]


@dataclass
class Nginx:
    """One test's view of the server: addresses of its own, switches of its own, and its requests."""

    ports: dict[str, int]
    folder: Path
    test: str

    def url(self, way: str, *, port: str = "plain", user: str = "") -> str:
        scheme = "https" if port in {"tls", "mutual"} else "http"
        return f"{scheme}://{user}127.0.0.1:{self.ports[port]}/{way}/{self.test}"

    def switch_on(self, status: int) -> None:
        self._switch(status).touch()

    def switch_off(self, status: int) -> None:
        self._switch(status).unlink()

    def set_password(self, password: str) -> None:
        made = subprocess.run(["openssl", "passwd", "-apr1", password], capture_output=True, check=True)
        new = self._switch("passwords.new")
        new.write_text(f"user:{made.stdout.decode()}")
        new.rename(new.with_suffix(""))

    def requests(self) -> list[Request]:
        return [one for one in map(_read, self._lines()) if one.uri.endswith(f"/{self.test}")]

    def elsewhere(self) -> list[Request]:
        """Return what came to where 307 points."""
        return [one for one in map(_read, self._lines()) if one.uri == "/elsewhere"]

    def statuses(self) -> list[int]:
        return [request.status for request in self.requests()]

    def stored(self) -> list[dict[str, Any]]:
        """Return the records of every body that was answered with success."""
        return [record for request in self.requests() if request.status == 200 for record in request.records]

    def numbers(self) -> list[int]:
        return [record["n"] for record in self.stored()]

    def _switch(self, name: object) -> Path:
        folder = self.folder / "switches" / self.test
        folder.mkdir(exist_ok=True)
        return folder / str(name)

    def _lines(self) -> list[str]:
        # its one worker logs a request before it takes up another, so this one's answer comes after all lines
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['sink']}/", timeout=10) as answer:
            answer.read()
        # escape=json leaves bytes above 126 as they are, so that each character here stands for one byte
        return (self.folder / "access.jsonl").read_bytes().decode("latin-1").split("\n")[:-1]


def _read(line: str) -> Request:
    seen = json.loads(line)
    body = seen["body"].encode("latin-1")
    if body and seen["encoding"] == "gzip":
        body = gzip.decompress(body)
    records = [json.loads(record) for record in body.split(b"\n") if record]
    return Request(seen["status"], seen["connection"], seen["at"], seen["certificate"], seen["uri"], records)


@pytest.fixture(scope="session")
def certificates(installed: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private authority, a server's certificate for 127.0.0.1 and a client's."""
    openssl, folder = installed("openssl"), tmp_path_factory.mktemp("certificates")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, capture_output=True, check=True)

    key = ("-newkey", "rsa:2048", "-nodes")
    run("req", "-x509", *key, "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
    (folder / "server.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    (folder / "client.ext").write_text("extendedKeyUsage=clientAuth\n")
    for name in ("server", "client"):
        run("req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signed_by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
        run(
            "x509", "-req", "-in", f"{name}.csr", *signed_by, "-extfile", f"{name}.ext", "-out", f"{name}.pem"
        )
    return folder


@pytest.fixture(scope="session")
def running_nginx(
    installed: Callable[..., str],
    start_server: Callable[..., Any],
    free_port: Callable[..., int],
    listens: Callable[[int], bool],
    certificates: Path,
) -> tuple[dict[str, int], Path]:
    command, folder = installed("nginx"), certificates
    ports = {name: free_port() for name in _PORTS}
    (folder / "tmp").mkdir()
    (folder / "switches").mkdir()
    config = folder / "nginx.conf"
    owner = "user root;" if os.geteuid() == 0 else ""  # else its worker could not read a test's folder
    config.write_text(owner + _CONFIG.format(folder=folder, **ports))
    start_server(
        "nginx",
        [command, "-c", str(config), "-e", str(folder / "error.log")],
        lambda _: all(map(listens, ports.values())),
    )
    return ports, folder


@pytest.fixture
def nginx(running_nginx: tuple[dict[str, int], Path], request: pytest.FixtureRequest) -> Nginx:
    ports, folder = running_nginx
    return Nginx(ports, folder, re.sub(r"\W", "_", request.node.name))
