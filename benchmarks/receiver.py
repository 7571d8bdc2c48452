"""A StatsD receiver on loopback that only reads, in a process of its own so that its CPU time is not ours."""

import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

__all__ = ["receiving"]

_LARGEST_DATAGRAM_BYTES: Final = 65_536


@contextmanager
def receiving() -> Generator[int]:
    """Have a receiver run inside the block; gives its port on 127.0.0.1."""
    with subprocess.Popen([sys.executable, "-m", __name__], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def _receive() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        print(receiver.getsockname()[1], flush=True)
        buffer = bytearray(_LARGEST_DATAGRAM_BYTES)
        while True:
            receiver.recv_into(buffer)


if __name__ == "__main__":
    _receive()
