"""What shipping costs at least: loguru, orjson, a thread, gzip and one connection, with none of what makes it reliable."""

import http.client
import queue
import threading
import zlib
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

__all__ = ["BareShipping"]

_BATCH_RECORDS: Final = 1_000
_HEADERS: Final = {"content-type": "application/x-ndjson", "content-encoding": "gzip"}


class BareShipping:
    """A loguru sink with its thread.

    Args:
        url: Where to post to.
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def write(self, message: Any) -> None:
        """Encode the fields that ours has too."""
        record = message.record
        self._lines.put(
            orjson.dumps(
                {
                    "timestamp": record["time"].isoformat(),
                    "level": record["level"].name,
                    "message": record["message"],
                    "service": "benchmark",
                    "host": "localhost",
                    "pid": record["process"].id,
                    "thread": record["thread"].name,
                    "logger": record["name"],
                    "function": record["function"],
                    "line": record["line"],
                    **record["extra"],
                },
                option=orjson.OPT_APPEND_NEWLINE,
            )
        )

    def close(self) -> None:
        """Send the rest and stop."""
        self._lines.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection(self._url.netloc, timeout=10.0)
        going = True
        while going:
            batch: list[bytes] = []
            while len(batch) < _BATCH_RECORDS:
                line = self._lines.get()
                if line is None:
                    going = False
                    break
                batch.append(line)
            if batch:
                self._post(connection, b"".join(batch))
        connection.close()

    def _post(self, connection: http.client.HTTPConnection, body: bytes) -> None:
        packer = zlib.compressobj(1, wbits=31)
        connection.request("POST", self._url.path, packer.compress(body) + packer.flush(), _HEADERS)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the collector answered {answer.status}")
