"""The dialects of StatsD as data: what a server understands decides what is sent. Pure: no clock, no socket, no state."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

__all__ = ["DIALECTS", "MAX_NAME_CHARS", "Dialect", "TagFormat"]

MAX_NAME_CHARS: Final = 200  # Datadog cuts a name there; Graphite stores each node as a file name

# What the reference daemon, on one thread, and collectd take. Linux keeps 3,600 bytes in 4 KiB of a receiver's buffer, of
# which the usual one then holds 173 kB; of 4,000 bytes, in 8 KiB, it holds 100 kB. collectd cuts off what is longer than
# 4,095. A daemon that has just started, or has to share its core, loses some at twice the pace and a seventh at four times.
_DAEMONS_PAYLOAD_BYTES: Final = 3600
_DAEMONS_PACE: Final = 1432 * 1000
# An Agent takes all off its socket first and reads it later.
_AGENTS_PAYLOAD_BYTES: Final = 8192
_AGENTS_PACE: Final = 32 * 1432 * 1000


@dataclass(frozen=True, slots=True)
class TagFormat:
    """How a line carries tags.

    Attributes:
        opening: What comes before the first tag.
        joint: What comes before each other tag.
        assignment: What comes between key and value.
        in_name: They end the name, before the value; otherwise they end the line.
        is_sorted: By key: the receiver takes another order for another series.
        reserved_keys: Keys that the receiver keeps for itself.
        left_out: Constant tags that are never sent.
    """

    opening: str
    joint: str
    assignment: str
    in_name: bool
    is_sorted: bool
    reserved_keys: frozenset[str]
    left_out: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of server.

    Attributes:
        name: What the setting calls it.
        tags: How lines carry tags; None: they carry none, and tag values are nodes of the name.
        packs_values: One line may carry many timings (`name:1:2:3|d`).
        max_samples: Timings of a series and flush that are sent one by one unless set otherwise; of more, a sample is.
        timer_types: Line types of timings; `ms` is in milliseconds, `h` and `d` are in seconds.
        gauge_deltas: A signed gauge changes the old value. Elsewhere the client adds changes up itself and sends what
            comes out. A negative one is set after a 0 in any dialect: more than one receiver takes it for a change.
        events: Events, service checks and the fields that say where a line comes from are understood.
        local_payload_bytes: The largest datagram that it should get from its own host.
        pace_bytes_per_s: How fast it reads, in bytes of datagrams a second.
        agent_adds_host: The receiver tags what it gets with its own host.
        unsafe_in_names: Matches each character that a metric name may not hold.
        unsafe_in_keys: Matches each character that a tag key, in lower case, may not hold.
        unsafe_in_values: Matches each character that a tag value may not hold.
        replaced_in_names: The character among them that becomes `_` and leaves a name readable as it is: the most usual.
        replaced_in_values: The same for tag values.
        name_start: Matches what may not begin a name. A leading underscore announces events and checks to some servers.
    """

    name: str
    tags: TagFormat | None
    packs_values: bool
    max_samples: int
    timer_types: tuple[str, ...]
    gauge_deltas: bool
    events: bool
    local_payload_bytes: int
    pace_bytes_per_s: int
    agent_adds_host: bool
    unsafe_in_names: re.Pattern[str]
    unsafe_in_keys: re.Pattern[str]
    unsafe_in_values: re.Pattern[str]
    replaced_in_names: str
    replaced_in_values: str
    name_start: re.Pattern[str]


_PLAIN: Final = Dialect(
    name="statsd",
    tags=None,
    packs_values=False,
    max_samples=512,  # each is a line of its own
    timer_types=("ms",),
    gauge_deltas=True,
    events=False,
    local_payload_bytes=_DAEMONS_PAYLOAD_BYTES,
    pace_bytes_per_s=_DAEMONS_PACE,
    agent_adds_host=False,
    unsafe_in_names=re.compile(r"[^A-Za-z0-9_.\-]"),
    unsafe_in_keys=re.compile(r"[^a-z0-9_\-]"),
    unsafe_in_values=re.compile(r"[^A-Za-z0-9_\-]"),
    replaced_in_names=" ",
    replaced_in_values=".",
    name_start=re.compile(r"^[_.]+"),
)
"""Source: https://github.com/statsd/statsd/blob/master/docs/metric_types.md"""

_GRAPHITE: Final = replace(
    _PLAIN,
    name="graphite",
    tags=TagFormat(
        opening=";",
        joint=";",
        assignment="=",
        in_name=True,
        is_sorted=True,  # the daemon keeps two orders as two series, and Carbon then writes one over the other
        reserved_keys=frozenset({"name"}),  # Carbon's own, for the metric's name
        left_out=frozenset({"version"}),  # each release would begin every series anew
    ),
    unsafe_in_keys=re.compile(r"[^a-z0-9_.\-]"),
    unsafe_in_values=re.compile(r"[^A-Za-z0-9_.\-]"),
    replaced_in_values="/",
)
"""Source: https://graphite.readthedocs.io/en/latest/tags.html; the daemon deletes what is not in `[a-zA-Z0-9_.;=-]`."""

_DATADOG: Final = Dialect(
    name="datadog",
    tags=TagFormat(
        opening="|#",
        joint=",",
        assignment=":",
        in_name=False,
        is_sorted=False,
        reserved_keys=frozenset({"host"}),  # the Agent takes it for the name of the host itself
    ),
    packs_values=True,
    max_samples=4096,
    timer_types=("d", "h", "ms"),
    gauge_deltas=False,
    events=True,
    local_payload_bytes=_AGENTS_PAYLOAD_BYTES,
    pace_bytes_per_s=_AGENTS_PACE,
    agent_adds_host=True,
    unsafe_in_names=re.compile(r"[^A-Za-z0-9_.]"),
    unsafe_in_keys=re.compile(r"[^a-z0-9_\-./]"),
    unsafe_in_values=re.compile(r"[^\w\-:./]"),
    replaced_in_names="-",
    replaced_in_values=" ",
    name_start=re.compile(r"^[^A-Za-z]+"),
)
"""Source: https://docs.datadoghq.com/developers/dogstatsd/datagram_shell"""

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {row.name: row for row in (_PLAIN, _GRAPHITE, _DATADOG)}
)
"""Every dialect by the name that the setting uses."""
