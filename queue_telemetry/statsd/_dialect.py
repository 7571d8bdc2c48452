"""The dialects of StatsD as data: what a server understands decides what is sent. Pure: no clock, no socket, no state."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["DIALECTS", "MAX_NAME_CHARS", "Dialect"]

MAX_NAME_CHARS: Final = 200  # Datadog cuts a name there; Graphite stores each node as a file name


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of server.

    Attributes:
        name: What the setting calls it.
        tags: Lines carry tags (`|#key:value`); otherwise tag values are nodes of the name.
        packs_values: One line may carry many timings (`name:1:2:3|d`).
        timer_types: Line types of timings; `ms` is in milliseconds, `h` and `d` are in seconds.
        gauge_deltas: A signed gauge changes the old value, so that a negative one can only be set after a 0.
        agent_adds_host: The receiver tags what it gets with its own host.
        unsafe_in_names: Matches each character that a metric name may not hold.
        unsafe_in_values: Matches each character that a tag value may not hold.
        replaced_in_names: The character among them that becomes `_` and leaves a name readable as it is: the most usual.
        replaced_in_values: The same for tag values.
        name_start: Matches what may not begin a name. A leading underscore announces events and checks to some servers.
    """

    name: str
    tags: bool
    packs_values: bool
    timer_types: tuple[str, ...]
    gauge_deltas: bool
    agent_adds_host: bool
    unsafe_in_names: re.Pattern[str]
    unsafe_in_values: re.Pattern[str]
    replaced_in_names: str
    replaced_in_values: str
    name_start: re.Pattern[str]


_PLAIN: Final = Dialect(
    name="statsd",
    tags=False,
    packs_values=False,
    timer_types=("ms",),
    gauge_deltas=True,
    agent_adds_host=False,
    unsafe_in_names=re.compile(r"[^A-Za-z0-9_.\-]"),
    unsafe_in_values=re.compile(r"[^A-Za-z0-9_\-]"),
    replaced_in_names=" ",
    replaced_in_values=".",
    name_start=re.compile(r"^[_.]+"),
)
"""Source: https://github.com/statsd/statsd/blob/master/docs/metric_types.md"""

_DATADOG: Final = Dialect(
    name="datadog",
    tags=True,
    packs_values=True,
    timer_types=("d", "h", "ms"),
    gauge_deltas=False,
    agent_adds_host=True,
    unsafe_in_names=re.compile(r"[^A-Za-z0-9_.]"),
    unsafe_in_values=re.compile(r"[^\w\-:./]"),
    replaced_in_names="-",
    replaced_in_values=" ",
    name_start=re.compile(r"^[^A-Za-z]+"),
)
"""Source: https://docs.datadoghq.com/developers/dogstatsd/datagram_shell"""

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType({row.name: row for row in (_PLAIN, _DATADOG)})
"""Every dialect by the name that the setting uses."""
