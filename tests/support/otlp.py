"""OTLP metrics in protobuf, written by hand: bytes of messages from fields."""

import struct


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def message(field, content):
    if isinstance(content, str):
        content = content.encode()
    return varint(field << 3 | 2) + varint(len(content)) + content


def integer(field, number):
    return varint(field << 3) + varint(number)


def zigzag(field, number):
    return integer(field, number << 1 ^ number >> 63)


def fixed(field, number):
    return varint(field << 3 | 1) + struct.pack("<Q", number & (1 << 64) - 1)


def double(field, number):
    return varint(field << 3 | 1) + struct.pack("<d", number)


def any_value(value):
    if isinstance(value, bool):
        return integer(2, value)
    if isinstance(value, str):
        return message(1, value)
    if isinstance(value, int):
        return integer(3, value)
    if isinstance(value, float):
        return double(4, value)
    if isinstance(value, list):
        return message(5, b"".join(message(1, any_value(v)) for v in value))
    if isinstance(value, dict):
        return message(6, attributes(1, value))
    if isinstance(value, bytes):
        return message(7, value)
    return b""


def attributes(field, values):
    return b"".join(
        message(field, message(1, key) + message(2, any_value(value)))
        for key, value in values.items())


def number_point(labels, value, time_ns, extra=b""):
    number = double(4, value) if isinstance(value, float) else fixed(6, value)
    return message(1, attributes(7, labels) + fixed(3, time_ns) + number +
                   extra)


def metric(name, kind, data, unit="", description=""):
    """kind: 5 gauge, 7 sum, 9 histogram, 10 exponential, 11 summary."""
    return message(2, message(1, name) + message(2, description) +
                   message(3, unit) + message(kind, data))


def request(resource, scope, metrics):
    """One resource with one scope; `scope` is its bytes, or None."""
    inner = metrics if scope is None else message(1, scope) + metrics
    return message(1, message(1, attributes(1, resource)) + message(2, inner))
