"""Addresses for processes that are started again at the same ones."""

import random
import socket

_FIRST = 10_000
_given = set()


def _end():
    """Where the ports of outgoing connections begin: one of these may have
    the port of a process that is down for a moment."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        return max(int(file.read().split()[0]), _FIRST + 1_000)


def local_address():
    """A free one on loopback, not given before."""
    while True:
        port = random.randrange(_FIRST, _end())
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return f"127.0.0.1:{port}"
