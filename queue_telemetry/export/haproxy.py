"""A backend for HAProxy that asks `/readyz` and the agent-check. Pure: no clock, no socket, no state.

Source: https://docs.haproxy.org/2.6/configuration.html#5.2
"""

from typing import Final

from queue_telemetry.export._file import File, comment
from queue_telemetry.export._ports import place
from queue_telemetry.settings import Settings

__all__ = ["haproxy"]

_TEXT: Final = """\
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s

frontend {name}
    bind 127.0.0.1:8000
    default_backend {name}

backend {name}
    balance roundrobin  # by weight; leastconn counts only what takes long
    # 200 while work should come, 503 while it starts, drains or is unhealthy.
    option httpchk
    http-check send meth GET uri /readyz
    http-check expect status 200
    # The agent says the weight, the free share of all slots, and drain at the start of a shutdown.
    default-server check port {port} inter 2s fall 2 rise 2 agent-check agent-port {agent_port} agent-inter 2s
    server {name}-1 127.0.0.1:8001 weight 100
    server {name}-2 127.0.0.2:8001 weight 100
"""


def haproxy(settings: Settings) -> list[File]:
    """Return a configuration with two servers, whose addresses are examples."""
    where = place(settings)
    head = comment(
        "HAProxy in front of services whose workers tell by QUEUE_TELEMETRY_HEALTH_PORT and QUEUE_TELEMETRY_HEALTH_AGENT_PORT"
        " whether they want more; QUEUE_TELEMETRY_HEALTH_HOST has to be an address that it reaches. The addresses are"
        " examples. Written by: queue-telemetry export --target haproxy"
    )
    text = _TEXT.format(name=_name(where.name), port=where.port, agent_port=where.agent_port)
    return [File("haproxy/haproxy.cfg", f"{head}\n{text}")]


def _name(service: str) -> str:
    """Return a service's name as HAProxy takes it: letters, digits, `-`, `_`, `.` and `:`."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_.:") else "_" for char in service)
