"""A DNS server that answers SRV questions: for tests.

    with DnsServer(("127.0.0.1", 53)) as server:
        server.services = {"_a._tcp.test": [("host", 8400)]}
"""

import socket
import struct
import threading

SRV = 33
NAME_ERROR = 3


def _name(text):
    return b"".join(bytes([len(part)]) + part.encode()
                    for part in text.rstrip(".").split(".")) + b"\0"


def _question(message):
    """(name, type, bytes of the question) of a query."""
    at, parts = 12, []
    while message[at]:
        parts.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    (kind,) = struct.unpack_from("!H", message, at + 1)
    return ".".join(parts), kind, message[12:at + 5]


class DnsServer:

    def __init__(self, address):
        self.services = {}   # name -> [(host, port)]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        # A message that is no query ends the thread.
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self):
        while True:
            query, peer = self._socket.recvfrom(4096)
            if not query:
                return
            self._socket.sendto(self._answer(query), peer)

    def _answer(self, query):
        name, kind, question = _question(query)
        records = self.services.get(name.lower())
        code = NAME_ERROR if records is None else 0
        answers = b""
        if kind != SRV:
            records = []
        for host, port in records or []:
            data = struct.pack("!HHH", 0, 0, port) + _name(host)
            answers += (b"\xc0\x0c" + struct.pack("!HHIH", SRV, 1, 1,
                                                  len(data)) + data)
        return (query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1,
                                        len(records or []), 0, 0)
                + question + answers)
