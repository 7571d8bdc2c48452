"""Knows which records of the stdlib's logging are in loguru already, from what it sees there."""

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from queue_telemetry.logs import pass_on
from queue_telemetry.telemetry._origin import record_in_hand

if TYPE_CHECKING:
    from loguru import Record

__all__ = ["Witness"]

_WINDOW_S: Final = 1.0  # what a queue's listener takes to bring a record around, with a wide margin
_MAX_TEXTS: Final = 8_192  # half a megabyte of hashes


class Witness:
    """Told of each record of loguru's, it tells which of the stdlib's need not be brought there any more.

    That another handler brings a record is a fact and no guess: loguru gets one with its text while the stdlib has it
    in hand. A complaint of that handler, about a disk that is full, say, has another text. No lock: threads that get
    in each other's way make it forget texts early.

    Attributes:
        faults: Records of loguru's that it could not judge, since something raised.
    """

    def __init__(self) -> None:
        self.faults = 0
        self._known: WeakValueDictionary[int, logging.LogRecord] = WeakValueDictionary()  # by their identity
        self._texts: set[int] = set()  # hashes, of this window and of the one before
        self._former: set[int] = set()
        self._since_s = time.monotonic()

    def see(self, record: "Record") -> None:
        """Take note of a record of loguru's, on the thread that logs it. Must not raise, but for a task's time limit."""
        try:
            message = record["message"]
            self.hear(message)
            in_hand = record_in_hand(sys._getframe())
            if in_hand is not None and in_hand.getMessage() in message:
                self._known[id(in_hand)] = in_hand
        except Exception as error:  # noqa: BLE001 - the edge to the user's patchers, and to the arguments of records
            self.faults += 1
            pass_on(error)

    def hear(self, message: str) -> None:
        """Take note of a text alone, of a record that is about to be brought to loguru."""
        now_s, texts = time.monotonic(), self._texts
        if now_s - self._since_s > _WINDOW_S or len(texts) >= _MAX_TEXTS:
            self._former, self._texts, self._since_s = texts, set(), now_s
        self._texts.add(hash(message))

    def knows(self, record: logging.LogRecord) -> bool:
        """Tell whether loguru has got this very record."""
        return self._known.get(id(record)) is record

    def has_heard(self, record: logging.LogRecord, message: str) -> bool:
        """Tell whether a record that a queue's listener brings came out of loguru in the first place.

        Loguru gives the records that it makes for the stdlib's handlers an `extra`. Others are known by their text, in
        the last second or two.
        """
        if record.process not in {None, os.getpid()}:
            return False
        if type(vars(record).get("extra")) is dict:
            return True
        if time.monotonic() - self._since_s > 2 * _WINDOW_S:
            return False
        text = hash(message)
        return text in self._texts or text in self._former
