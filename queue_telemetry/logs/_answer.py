"""What came of one POST, and what the shipper needs of a sender: values, without a type of the HTTP library."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

__all__ = ["Answer", "Failure", "Sender"]


class Failure(StrEnum):
    """Why a POST got no answer."""

    ABORTED = "aborted"
    """The sender was told to stop."""
    CONNECT = "connect"
    """No connection: no address, refused, or not in time."""
    DEADLINE = "deadline"
    """The whole exchange took too long."""
    NETWORK = "network"
    """The connection broke, or the answer was not HTTP."""
    PROXY = "proxy"
    """The proxy passes nothing on: its password or its rules are against it."""
    TIMEOUT = "timeout"
    """The collector neither read nor answered."""
    TLS = "certificate not trusted"
    """The collector's, or by the collector the one that it was shown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one POST.

    Attributes:
        status: The HTTP status; None when no answer came.
        failure: Why none came; None when one did.
        retry_after_s: Seconds to wait that the collector asked for.
        bytes_wire: The request body's length as sent, compressed.
        body: The beginning of the answer's body, decompressed, as much as the format reads of it.
    """

    status: int | None
    failure: Failure | None = None
    retry_after_s: float | None = None
    bytes_wire: int = 0
    body: bytes = b""


class Sender(Protocol):
    """Posts one body at a time."""

    def send(self, body: bytes | bytearray, *, within_s: float) -> Answer:
        """Post *body* once and return what came of it. May block up to *within_s* or its own total deadline."""

    def enforce_deadline(self) -> None:
        """End the present exchange if its time is over. For another thread, about once a second."""

    def abort(self) -> None:
        """End the present exchange now, and every later one."""

    def forget(self) -> None:
        """In a forked child: close its copy of the parent's connection, without a word on it."""

    def close(self) -> None:
        """Close the connection; only when nobody sends any more."""
