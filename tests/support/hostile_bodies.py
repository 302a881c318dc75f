"""Bodies in every coding, and small ones that unpack to very much."""

import gzip
import struct
import zlib

from tests.support import remote_write

BOMB_BYTES = 1 << 30
# Answers to broken bodies: told, and not to be sent again.
REFUSED = (400, 413, 415, 422)


def deflate(body):
    return zlib.compress(body, 9)


CODINGS = {"gzip": lambda body: gzip.compress(body, 6), "deflate": deflate,
           "zstd": remote_write.zstd, "snappy": remote_write.snappy,
           "": lambda body: body}


def gzip_bomb(wrap):
    packer = zlib.compressobj(9, zlib.DEFLATED, wrap)
    part = bytes(1 << 20)
    return b"".join([packer.compress(part) for _ in range(BOMB_BYTES >> 20)] +
                    [packer.flush()])


def zstd_bomb(window_log=17):
    """A frame of blocks that repeat a byte, without a size in its head."""
    block = 128 << 10
    count = BOMB_BYTES // block
    head = b"\x28\xb5\x2f\xfd\x00" + bytes([(window_log - 10) << 3])
    blocks = struct.pack("<I", 1 << 1 | block << 3)[:3] + b"a"
    last = struct.pack("<I", 1 | 1 << 1 | block << 3)[:3] + b"a"
    return head + blocks * (count - 1) + last


def snappy_bomb():
    """Says its size truly, and repeats 64 bytes again and again."""
    size = 256 << 20
    return (remote_write.varint(size) + b"\xfc" + bytes(64) +
            b"\xfe\x40\x00" * (size // 64 - 1))
