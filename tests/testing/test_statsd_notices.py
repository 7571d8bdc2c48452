import socket

import pytest

from queue_telemetry.testing import StatsdServer
from queue_telemetry.testing._statsd_grammar import Refusal
from queue_telemetry.testing._statsd_notices import ServiceCheck, StatsdEvent, read_notice


@pytest.mark.parametrize(
    ("payload", "notice"),
    [
        ("_e{5,2}:niño|ok", StatsdEvent("niño", "ok", {}, {})),
        (
            "_e{1,0}:a||k:key|t:error|#env:prod,rule:x",
            StatsdEvent("a", "", {"k": "key", "t": "error"}, {"env": "prod", "rule": "x"}),
        ),
        ("_e{3,3}:a|b|c|d", StatsdEvent("a|b", "c|d", {}, {})),
        ("_sc|redis|0", ServiceCheck("redis", 0, "", {}, {})),
        ("_sc|redis|2|h:h1|#env:prod|m:down", ServiceCheck("redis", 2, "down", {"h": "h1"}, {"env": "prod"})),
    ],
)
def test_a_good_notice_is_read(payload: str, notice: object) -> None:
    assert notice == read_notice(payload.encode())


@pytest.mark.parametrize(
    "payload",
    [
        b"_e{1}:a|b",
        b"_e{2,1}:a|b",
        b"_e{1,2}:a|b",
        b"_e{1,1}:a|b;",
        b"_e{0,1}:|b",
        b"_e{1,1}:a|b|x:y",
        b"_e{1,1}:a|b|t:error|t:info",
        b"_e{1,1}:a|b|m:text",
        b"_e{1,1}:a|\xff",
        b"_e{1,3}:a|b\nc",
        b"_sc|redis",
        b"_sc||0",
        b"_sc|redis|4",
        b"_sc|redis|0|m:a|h:b",
        b"_sc|redis|0|m:",
        b"_sc|redis|0\n",
    ],
)
def test_a_bad_notice_is_refused(payload: bytes) -> None:
    assert isinstance(read_notice(payload), Refusal)


def test_the_server_keeps_them_where_the_dialect_has_them() -> None:
    for dialect, kept in (("datadog", 1), ("statsd", 0), (None, 0)):
        with (
            StatsdServer(dialect=dialect) as server,  # type: ignore[arg-type] # no literal, in a table
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        ):
            for payload in (b"_e{1,1}:a|b", b"_sc|redis|0", b"_sc|redis|9"):
                client.sendto(payload, (server.host, server.port))

            assert (kept, kept) == (len(server.events), len(server.service_checks))
            assert 3 == server.lines
            assert (1 if kept else 3) == len(server.refused)
