"""The wire as release 0.1 speaks it: frames, statuses, a client.

FROZEN, as all of release_0_1_*.py: these files stand for the nodes of that
release which run beside newer ones while a cluster is upgraded. They are made
from docs/formats alone, share no code with the product, and are never changed
together with it: where a change of the product makes a test of them fail, the
change breaks upgrades. A new release puts files of its own beside these.
"""

import socket
import struct

from tests.support.release_0_1_bytes import xxh3_64
from tests.support.release_0_1_messages import decode, encode

VERSION = 1
# Bits of HELLO's features, by name.
FEATURES = {name: 1 << bit for bit, name in enumerate((
    "floats", "histograms", "exemplars", "metadata", "missed", "delete",
    "lz4", "rollup", "starts", "names", "hints", "digests"))}
ALL_FEATURES = (1 << len(FEATURES)) - 1

METHODS = {
    "PING": 1, "DEFINE": 2, "DATA": 3, "MISSED": 4, "DELETE": 5, "PUTRING": 6,
    "GETRINGS": 7, "TENANTNAMES": 8, "HINTDEFINE": 9, "HINTDATA": 10,
    "HINTSTATUS": 11, "HINTREPLAY": 12, "SEARCH": 32, "LABELS": 33,
    "CARDINALITY": 34, "TENANTS": 35, "METADATA": 36, "HISTORY": 37,
    "COVERAGE": 38, "ROLLUP": 39, "NAMEUSAGE": 40, "DIGEST": 41}

# Kinds of frames, and statuses.
HELLO, REFUSE, REQUEST, ANSWER, END, CANCEL, CREDIT, PING, PONG = range(1, 10)
OK, INVALID_ARGUMENT, ABORTED, UNIMPLEMENTED, DATA_LOSS = 0, 3, 10, 12, 15

HEADER_BYTES = 28
PAYLOAD_BYTES_MAX = 64 << 20
SECONDS = 30


class CallError(Exception):
    """A status that is not OK."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class Refused(CallError):
    """The server's REFUSE."""


def status(code=OK, text=""):
    return struct.pack("<I", code) + text.encode()


class Connection:
    """Frames over a socket."""

    def __init__(self, sock):
        self.sock = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        self.sock.close()

    def send(self, kind, payload=b"", method=0, call=0):
        head = struct.pack("<cBBBIQ", b"V", kind, method, 0, len(payload),
                           call)
        header_hash = xxh3_64(head)
        self.sock.sendall(head + struct.pack(
            "<IQ", header_hash & 0xFFFFFFFF,
            xxh3_64(payload, header_hash)) + payload)

    def _take(self, size):
        data = bytearray()
        while len(data) < size:
            piece = self.sock.recv(min(size - len(data), 1 << 20))
            if not piece:
                raise ConnectionError("the connection has ended")
            data += piece
        return bytes(data)

    def receive(self):
        """(kind, method, call, payload)"""
        head = self._take(HEADER_BYTES)
        first, kind, method, zero, size, call, header_sum, total = (
            struct.unpack("<cBBBIQIQ", head))
        header_hash = xxh3_64(head[:16])
        if first != b"V" or zero or header_sum != header_hash & 0xFFFFFFFF:
            raise ValueError("this is no frame")
        if not HELLO <= kind <= PONG or size > PAYLOAD_BYTES_MAX:
            raise ValueError(f"frame of kind {kind}, {size} bytes")
        payload = self._take(size)
        if xxh3_64(payload, header_hash) != total:
            raise ValueError("frame with a bad checksum")
        return kind, method, call, payload


class Client:
    """A node of the release that calls another one, a call at a time."""

    def __init__(self, address, role, version=VERSION, features=ALL_FEATURES,
                 unknown=b""):
        """Refused when the server wants none of it."""
        host, port = address.rsplit(":", 1)
        self.unknown = unknown
        self._calls = 0
        self._connection = Connection(
            socket.create_connection((host, int(port)), timeout=SECONDS))
        self._connection.send(HELLO, encode(
            "Hello", unknown, version=version, role=role, features=features))
        kind, _, _, payload = self._connection.receive()
        if kind == REFUSE:
            self.close()
            raise Refused(struct.unpack_from("<I", payload)[0],
                          payload[4:].decode())
        assert kind == HELLO, kind
        self.hello = decode("Hello", payload)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._connection.close()

    def ask(self, method, payload=b""):
        """All messages of the answer; CallError."""
        self._calls += 1
        number = METHODS.get(method, method)
        self._connection.send(REQUEST, payload, number, self._calls)
        answers = []
        while True:
            kind, _, call, payload = self._connection.receive()
            if call != self._calls:
                continue
            if kind == ANSWER:
                answers.append(payload)
                self._connection.send(
                    CREDIT, struct.pack("<I", len(payload)), 0, call)
            elif kind == END:
                code = struct.unpack_from("<I", payload)[0]
                if code != OK:
                    raise CallError(code, payload[4:].decode())
                return answers
            else:
                raise ValueError(f"frame of kind {kind} in a call")

    def call(self, method, request="", response="", **values):
        """One message each way, by their names; "" is empty."""
        payload = encode(request, self.unknown, **values) if request else b""
        answers = self.ask(method, payload)
        assert len(answers) == 1, answers
        return decode(response, answers[0]) if response else answers[0]
