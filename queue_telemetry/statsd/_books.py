"""Everything that an emitter holds and has done, as one value."""

from collections.abc import Mapping
from typing import NamedTuple, Self

from queue_telemetry._runtime import DeliveryLedger, DropReason
from queue_telemetry.metrics import Batch, Series
from queue_telemetry.statsd._aggregate import Window
from queue_telemetry.statsd._packer import Datagram

__all__ = ["NEW_BOOKS", "Books", "Entry", "Line"]

Entry = tuple[Batch, bool]
"""A batch as it waits in the inbox, and whether it came too late: two are never the same object, whatever is in them."""


class Line(NamedTuple):
    """What is to be written of one series, in one go.

    Attributes:
        series: The series.
        value: A counter's growth, a gauge's value, or a timer's durations in seconds.
        calls_each: Calls that the value, or each of the durations, stands for.
    """

    series: Series
    value: int | float | list[float]
    calls_each: int

    @property
    def values(self) -> int:
        """Values in it, as they are written."""
        return len(self.value) if isinstance(self.value, list) else 1

    @property
    def weight(self) -> int:
        """Calls that all of it stands for."""
        return self.calls_each * self.values


class Books(NamedTuple):
    """A page of the books. It never changes: each step of the emitter makes the next page and turns to it at once.

    So whatever exception ends a step, and between whatever byte codes, the step was either taken or not; and a page is
    one snapshot, in which `accepted == delivered + dropped + pending`.

    Attributes:
        accepted: Calls taken in.
        delivered: Calls handed to the kernel.
        dropped: Calls given up, by reason.
        folded: The entry that was folded last, which may still be in the inbox.
        window: What is folded and not yet being sent.
        lines: What of the window before is not yet written, from `line` on; None when all of it is, and what the
            library says of itself as well.
        line: Where `lines` goes on.
        unwritten_values: Values in what of `lines` is not yet written.
        unwritten: Calls that they stand for.
        datagrams: What is written and not yet sent.
        told: The library's own counters, as far as the receiver knows them.
        heard: The same without the last datagram: over UDP that one came to nothing if the next is refused.
        windows: Windows so far that were or are being sent with every gauge.
    """

    accepted: int
    delivered: int
    dropped: Mapping[DropReason, int]
    folded: Entry | None
    window: Window
    lines: tuple[Line, ...] | None
    line: int
    unwritten_values: int
    unwritten: int
    datagrams: tuple[Datagram, ...]
    told: Mapping[Series, int]
    heard: Mapping[Series, int]
    windows: int

    @property
    def pending(self) -> int:
        """Calls held."""
        return self.window.weight + self.on_their_way

    @property
    def on_their_way(self) -> int:
        """Calls held of windows that are being sent."""
        return self.unwritten + sum(datagram.weight for datagram in self.datagrams)

    def tell(self, ledger: DeliveryLedger) -> None:
        """Bring a ledger that an earlier page told up to this one; done again, it changes nothing."""
        heard = ledger.read()
        ledger.accept(self.accepted - heard.accepted)
        ledger.deliver(self.delivered - heard.delivered)
        for reason, units in self.dropped.items():
            ledger.drop(units - heard.dropped.get(reason, 0), reason)

    def with_batch(self, entry: Entry, window: Window, lost: Mapping[DropReason, int]) -> Self:
        """Turn the page once a batch is folded into *window*, but for what of it is lost."""
        batch, _ = entry
        return self._replace(
            accepted=self.accepted + batch.weight,
            dropped=_sum(self.dropped, batch.dropped, lost),
            folded=entry,
            window=window,
        )

    def with_lines(self, lines: tuple[Line, ...], window: Window, *, is_whole: bool) -> Self:
        """Turn the page once a window is to be written as *lines*, and *window* is the next.

        *is_whole*: every gauge is in it.
        """
        return self._replace(
            lines=lines,
            line=0,
            unwritten_values=sum(line.values for line in lines),
            unwritten=sum(line.weight for line in lines),
            window=window,
            windows=self.windows + is_whole,
        )

    def with_written(
        self, line: int, datagrams: tuple[Datagram, ...], lost: Mapping[DropReason, int]
    ) -> Self:
        """Turn the page once the lines up to *line* are in datagrams, but for what of them is lost."""
        lines = self.lines or ()
        written, more = lines[self.line : line], line < len(lines)
        return self._replace(
            dropped=_sum(self.dropped, lost),
            lines=self.lines if more else None,
            line=line if more else 0,
            unwritten_values=self.unwritten_values - sum(line.values for line in written),
            unwritten=self.unwritten - sum(line.weight for line in written),
            datagrams=self.datagrams + datagrams,
        )

    def with_sent(self, reason: DropReason | None, *, refuses_late: bool) -> Self:
        """Turn the page once the first datagram is sent, or was not taken for a reason.

        *refuses_late*: a refusal says that the datagram before came to nothing too.
        """
        first, rest = self.datagrams[0], self.datagrams[1:]
        if reason is None:
            return self._replace(
                delivered=self.delivered + first.weight,
                datagrams=rest,
                told={**self.told, **dict(first.totals)} if first.totals else self.told,
                heard=self.told,
            )
        return self._replace(
            dropped=_sum(self.dropped, {reason: first.weight}),
            datagrams=rest,
            told=self.heard if refuses_late and reason is DropReason.REFUSED else self.told,
        )

    def with_all_dropped(self, reason: DropReason) -> Self:
        """Turn the page once everything held is given up."""
        return self._replace(
            dropped=_sum(self.dropped, {reason: self.pending}),
            window=Window(),
            lines=None,
            line=0,
            unwritten_values=0,
            unwritten=0,
            datagrams=(),
        )


def _sum(*losses: Mapping[DropReason, int]) -> Mapping[DropReason, int]:
    total: dict[DropReason, int] = {}
    for loss in losses:
        for reason, weight in loss.items():
            if weight:
                total[reason] = total.get(reason, 0) + weight
    return total


NEW_BOOKS = Books(0, 0, {}, None, Window(), None, 0, 0, 0, (), {}, {}, 0)
