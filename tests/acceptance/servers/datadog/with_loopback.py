"""Brings up loopback in a network namespace that is new and has nothing else, then becomes the command it is given."""

import fcntl
import os
import socket
import struct
import sys

_SET_INTERFACE_FLAGS = 0x8914  # SIOCSIFFLAGS
_UP_LOOPBACK_RUNNING = 0x49  # IFF_UP | IFF_LOOPBACK | IFF_RUNNING

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, _SET_INTERFACE_FLAGS, struct.pack("16sH14s", b"lo", _UP_LOOPBACK_RUNNING, b""))
os.execvp(sys.argv[1], sys.argv[1:])
