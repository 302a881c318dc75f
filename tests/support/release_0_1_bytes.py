"""Numbers, hashes and blocks of release 0.1. FROZEN: release_0_1_wire.py."""

import ctypes
import struct

_xxhash = ctypes.CDLL("libxxhash.so.0")
_lz4 = ctypes.CDLL("liblz4.so.1")


class _Halves(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


_xxhash.XXH3_64bits_withSeed.argtypes = [
    ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
_xxhash.XXH3_64bits_withSeed.restype = ctypes.c_uint64
_xxhash.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
_xxhash.XXH3_128bits.restype = _Halves


def xxh3_64(data, seed=0):
    return _xxhash.XXH3_64bits_withSeed(data, len(data), seed)


def xxh3_128(data):
    """(high, low)"""
    halves = _xxhash.XXH3_128bits(data, len(data))
    return halves.high, halves.low


def lz4_pack(data):
    out = ctypes.create_string_buffer(len(data) + len(data) // 255 + 16)
    size = _lz4.LZ4_compress_default(data, out, len(data), len(out))
    assert size > 0
    return out.raw[:size]


def lz4_unpack(data, size):
    out = ctypes.create_string_buffer(max(size, 1))
    if _lz4.LZ4_decompress_safe(data, out, len(data), size) != size:
        raise ValueError("not an LZ4 block of that size")
    return out.raw[:size]


def varint(value):
    value &= 2**64 - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value):
    """Of 64 bits."""
    value &= 2**64 - 1
    return value - 2**64 if value >> 63 else value


def zigzag(value):
    value = signed(value)
    return varint((value << 1) ^ (value >> 63))


def prefixed(data):
    return varint(len(data)) + data


class Reader:
    """Bytes from the front; ValueError where they end too soon."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def more(self):
        return self.at < len(self.data)

    def take(self, size):
        if size > len(self.data) - self.at:
            raise ValueError("cut")
        self.at += size
        return self.data[self.at - size:self.at]

    def rest(self):
        return self.take(len(self.data) - self.at)

    def fixed(self, letter):
        layout = struct.Struct("<" + letter)
        return layout.unpack(self.take(layout.size))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.fixed("B")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & (2**64 - 1)
            shift += 7

    def zigzag(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def prefixed(self):
        return self.take(self.varint())
