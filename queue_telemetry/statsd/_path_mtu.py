"""How large a datagram may be on the way that a connected socket takes, so that no router or tunnel cuts it up."""

import socket
import sys
from typing import Final

__all__ = ["DEFAULT_PAYLOAD_BYTES", "payload_bytes_of"]

DEFAULT_PAYLOAD_BYTES: Final = 1432
"""Ethernet 1500 - IP/UDP headers, with slack; every receiver takes it whole."""

_SMALLEST_BYTES: Final = 64
_LOOPBACK_MTU: Final = 16_384  # no wire's is as large; Linux has 65,536 there
_IPV4: Final = (socket.IPPROTO_IP, 14, 20 + 8)  # level, IP_MTU in Linux's <linux/in.h>, headers
_IPV6: Final = (socket.IPPROTO_IPV6, 24, 40 + 8)  # level, IPV6_MTU in Linux's <linux/in6.h>, headers


def payload_bytes_of(connected: socket.socket, local_payload_bytes: int) -> int:
    """Return the most that a datagram on a connected UDP socket should hold, by what the kernel knows of its path now.

    That is *local_payload_bytes* on this host, and at most 1432 elsewhere: a tunnel further on is unknown to the kernel,
    and not every receiver takes more.

    Source: https://man7.org/linux/man-pages/man7/ip.7.html (IP_MTU)
    """
    if sys.platform != "linux":
        return DEFAULT_PAYLOAD_BYTES
    level, option, headers_bytes = _IPV6 if connected.family == socket.AF_INET6 else _IPV4
    try:
        mtu_bytes = connected.getsockopt(level, option)
    except OSError:
        return DEFAULT_PAYLOAD_BYTES
    if mtu_bytes >= _LOOPBACK_MTU:
        return local_payload_bytes
    return max(min(mtu_bytes - headers_bytes, DEFAULT_PAYLOAD_BYTES), _SMALLEST_BYTES)
