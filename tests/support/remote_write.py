"""Remote write 1.0 bodies made by hand, so that tests can also damage them."""

import struct

STALE_NAN = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def _label(name, value):
    name = name if isinstance(name, bytes) else name.encode()
    value = value if isinstance(value, bytes) else value.encode()
    return _field(1, _field(1, name) + _field(2, value))


def _sample(timestamp_ms, value):
    return _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" +
                  varint(timestamp_ms & (2**64 - 1)))


def time_series(labels, samples):
    """labels: dict or list of pairs; samples: [(timestamp_ms, value)]."""
    pairs = sorted(labels.items()) if isinstance(labels, dict) else labels
    return _field(1, b"".join(_label(n, v) for n, v in pairs) +
                  b"".join(_sample(t, v) for t, v in samples))


def write_request(series):
    """series: [(labels, samples)] -> the protobuf message."""
    return b"".join(time_series(labels, samples) for labels, samples in series)


def snappy(data):
    """A valid snappy block of literals only."""
    out = bytearray(varint(len(data)))
    for start in range(0, len(data), 65536):
        part = data[start:start + 65536]
        out += b"\xf4" + struct.pack("<H", len(part) - 1) + part
    return bytes(out)
