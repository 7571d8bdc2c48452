"""The pipeline: lines gathered into datagrams and sent together, through the client's `_after` and `_send`."""

from collections.abc import Sequence

from statsd.client.base import PipelineBase
from typing_extensions import override

from queue_telemetry._runtime import DropReason
from queue_telemetry.statsd._calls import TaggedCalls
from queue_telemetry.statsd._naming import Rendered
from queue_telemetry.statsd._numbers import rate_text
from queue_telemetry.statsd._packer import Datagram, Packer
from queue_telemetry.statsd._self_metrics import Total

__all__ = ["Pipeline"]


class Pipeline(TaggedCalls, PipelineBase):
    """Gathers calls until `send()`, which the end of a `with` block does too. One thread uses it at a time.

    Unlike in the package, a datagram is measured in bytes and may be exactly as long as the limit. The `put` methods
    take series that are rendered already, with the number of calls that each line stands for.
    """

    def __init__(self, client: TaggedCalls) -> None:
        super().__init__(client)
        self._parent = client
        self._dialect = client._dialect
        self._names = client._names
        self._gauges = client._gauges
        self._packer = Packer(client._maxudpsize)

    @property
    @override
    def _maxudpsize(self) -> int:
        return self._packer.max_payload_bytes

    def put(self, series: Rendered, value: str, weight: int, total: Total | None = None) -> bool:
        """Take one line of *series* with a value such as `"5|c"`; False when it is too long for any datagram.

        A line about the library itself comes with the total that its receiver then knows.
        """
        return self._packer.add(f"{series.name}:{value}{series.tags}", weight, total)

    def put_gauge(self, series: Rendered, number: str, weight: int) -> bool:
        """Take an absolute gauge; False when it is too long for any datagram.

        A negative one follows a 0 everywhere: some servers of each dialect take a sign for a change, statsd_exporter of
        Datadog's too, and to the others the 0 is gone before anyone reads it.

        Source: https://github.com/statsd/statsd/blob/master/docs/metric_types.md#gauges
        """
        if number[0] == "-":
            name, tags = series
            return self._packer.add(f"{name}:0|g{tags}\n{name}:{number}|g{tags}", weight)
        return self.put(series, f"{number}|g", weight)

    def put_timings(
        self, series: Rendered, durations_s: Sequence[float], timer_type: str, calls_each: int = 1
    ) -> int:
        """Take many durations of one series.

        Args:
            series: How the series is written.
            durations_s: In seconds, in [0, 1e12).
            timer_type: `ms` sends milliseconds with three decimals; others send seconds with six.
            calls_each: Calls that each duration stands for; sent as the sample rate.

        Returns:
            The weight of the lines that are too long for any datagram.
        """
        rate = f"|@{rate_text(calls_each)}" if calls_each > 1 else ""
        head = f"{series.name}:"
        tail = f"|{timer_type}{rate}{series.tags}"
        joint = ":" if self._dialect.packs_values else f"{tail}\n{head}"
        if timer_type == "ms":
            number, values = "%.3f", [duration_s * 1000.0 for duration_s in durations_s]
        else:
            number, values = "%.6f", list(durations_s)
        # one format call for all values; names and tags never hold a percent sign
        block = joint.join([number] * len(values)) % tuple(values)
        return self._packer.add_values(block, head=head, joint=joint, tail=tail, weight_each=calls_each)

    def pop(self) -> Datagram | None:
        """Hand over the oldest datagram, to be sent by the caller; None when nothing is left."""
        return self._packer.pop()

    @override
    def send(self) -> None:
        """Send everything gathered so far."""
        while (datagram := self.pop()) is not None:
            self._parent._after(datagram.payload)

    @override
    def close(self) -> None:
        """Send everything gathered so far; the client stays open."""
        self.send()

    @override
    def pipeline(self) -> "Pipeline":
        """Return a pipeline whose datagrams go into this one."""
        return Pipeline(self)

    @override
    def _after(self, data: str | None) -> None:
        if data and not self._packer.add(data, 0):
            self._drop(DropReason.OVERSIZE)

    @override
    def _drop(self, reason: DropReason) -> None:
        self._parent._drop(reason)
