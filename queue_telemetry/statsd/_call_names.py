"""Names and tags of calls made by hand on the client: cleaned at most once each, in a bounded cache."""

import logging
from collections.abc import Mapping

from queue_telemetry._runtime import say
from queue_telemetry.statsd._cleaning import clean_name, exact_text, tag_suffix
from queue_telemetry.statsd._dialect import Dialect

__all__ = ["CallNames"]

_MAX_NAMES = 1024


class CallNames:
    """Cleans what the user passes. Threads may share it: they at most do the same work twice.

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
        self._constant_suffix = tag_suffix((), (), constant_tags, dialect) + fields
        self._clean: dict[str, str] = {}

    def name(self, stat: object) -> str:
        """Return prefix and clean name; empty when nothing is left of it or it is no text."""
        if not isinstance(stat, str):
            return ""
        text = str.__str__(stat)  # a subclass may hash and compare as it likes
        name = self._clean.get(text)
        if name is None:
            name = clean_name(self._prefix + text, self._dialect)
            name = name if len(name) > len(self._prefix) else ""
            if len(self._clean) >= _MAX_NAMES:
                self._clean.clear()
            self._clean[text] = name
        return name

    def line(self, stat: object, value: str, rate: str, tags: Mapping[str, str] | None) -> str | None:
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

    def tags(self, tags: Mapping[str, str] | None) -> str | None:
        """Return the tags of one call, and what comes behind them; None when *tags* cannot be read.

        Dialects without tags leave them out.
        """
        try:
            if not tags:
                return self._constant_suffix
            own = [(exact_text(key), exact_text(value)) for key, value in tags.items()]
        except Exception:  # noqa: BLE001 - the user's own objects tell and write themselves
            return None
        if self._dialect.tags is None:
            say(
                "statsd_call_tags",
                "The plain StatsD dialect has no tags: a call's stay out.",
                level=logging.INFO,
            )
            return ""
        return tag_suffix(own, (), self._constant_tags, self._dialect) + self._fields
