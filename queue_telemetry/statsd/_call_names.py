"""Names and tags of calls made by hand on the client: cleaned at most once each, in bounded caches."""

import logging
from collections.abc import Mapping

from queue_telemetry._runtime import say
from queue_telemetry.statsd._cleaning import clean_name, exact_text, marked, marked_value, tag_suffix
from queue_telemetry.statsd._dialect import MAX_NAME_CHARS, Dialect

__all__ = ["CallNames"]

_MAX_NAMES = 1024
_MAX_SUFFIXES = 1024

_Own = tuple[tuple[str, str], ...]
"""A call's own tags, raw."""


class CallNames:
    """Cleans what the user passes. Threads may share it: they at most do the same work twice.

    A name or tag value that cleaning left readable stays as it is; any other gets a mark behind it, made of the raw text
    alone, so that texts which differ do not become one. Only a pair such as `mail in` and `mail_in` is not told apart.

    Args:
        dialect: What the receiver understands.
        prefix: In front of every name, clean; empty for none.
        constant_tags: Clean tags of every line.
        fields: What comes behind the tags of every line.
    """

    def __init__(
        self, dialect: Dialect, prefix: str, constant_tags: Mapping[str, str], fields: str = ""
    ) -> None:
        self._dialect = dialect
        self._prefix = f"{prefix}." if prefix else ""
        self._constant_tags = constant_tags
        self._fields = fields
        self._clean: dict[str, str] = {}
        self._suffixes: dict[_Own, str] = {}

    def name(self, stat: str) -> str:
        """Return prefix and clean name; empty when nothing is left of it or it is no text."""
        try:
            text = str.__str__(stat)  # a subclass may hash and compare as it likes
        except TypeError:
            return ""
        name = self._clean.get(text)
        if name is None:
            name = self._cleaned(self._prefix + text)
            if len(self._clean) >= _MAX_NAMES:
                self._clean.clear()
            self._clean[text] = name
        return name

    def line(self, stat: str, value: str, rate: str, tags: Mapping[str, str] | None) -> str | None:
        """Write one line; None when no name is left or *tags* cannot be read.

        Args:
            stat: The name, raw.
            value: Value and type, such as `"5|c"`.
            rate: The rate's section, such as `"|@0.5"`; empty for none. It comes before tags that end the line.
            tags: The call's own tags, raw.
        """
        name, suffix = self.name(stat), self.tags(tags)
        if not name or suffix is None:
            return None
        if self._dialect.tags is not None and self._dialect.tags.in_name:
            return f"{name}{suffix}:{value}{rate}"
        return f"{name}:{value}{rate}{suffix}"

    def series(self, stat: str, tags: Mapping[str, str] | None) -> str | None:
        """Return what tells a series from others, whatever the order of its tags; None when there is no line either."""
        name, own = self.name(stat), self._own(tags)
        return None if not name or own is None else name + self._suffix(tuple(sorted(own)))

    def tags(self, tags: Mapping[str, str] | None) -> str | None:
        """Return the tags of one call, and what comes behind them; None when *tags* cannot be read.

        Dialects without tags leave them out.
        """
        own = self._own(tags)
        return None if own is None else self._suffix(own)

    def _own(self, tags: Mapping[str, str] | None) -> _Own | None:
        try:
            if not tags:
                return ()
            own = tuple((exact_text(key), exact_text(value)) for key, value in tags.items())
        except Exception:  # noqa: BLE001 - the user's own objects tell and write themselves
            return None
        if self._dialect.tags is not None:
            return own
        say(
            "statsd_call_tags", "The plain StatsD dialect has no tags: a call's stay out.", level=logging.INFO
        )
        return ()

    def _suffix(self, own: _Own) -> str:
        suffix = self._suffixes.get(own)
        if suffix is None:
            tags = tag_suffix(own, (), self._constant_tags, self._dialect, write=marked_value)
            suffix = tags + self._fields
            if len(self._suffixes) >= _MAX_SUFFIXES:
                self._suffixes.clear()
            self._suffixes[own] = suffix
        return suffix

    def _cleaned(self, raw: str) -> str:
        clean = clean_name(raw, self._dialect)
        if len(clean) <= len(self._prefix):
            return ""
        return marked(raw, clean, self._dialect.replaced_in_names, MAX_NAME_CHARS)
