"""Columns and series batches of release 0.1: what a search answers. FROZEN:
release_0_1_wire.py. Values are the bits of float64."""

import struct
from dataclasses import dataclass, field

from tests.support.release_0_1_bytes import (
    Reader, prefixed, signed, varint, zigzag)
from tests.support.release_0_1_rows import bits_of

BLOCK = 128
RUN_MAX = 65_535
KIND_FLOATS, KIND_END, KIND_ALL, KIND_STARTS = range(4)
SPECIAL_BITS = (0x7ff0000000000002, 0x7ff0000000000000, 0xfff0000000000000,
                0x8000000000000000, 0x7ff8000000000001, 0x7ff8000000000000,
                0xfff8000000000000)


def _unzigzag(value):
    return (value >> 1) ^ -(value & 1)


def _unpack(data, width, count):
    """The lowest bits first."""
    whole, mask = int.from_bytes(data, "little"), (1 << width) - 1
    return [whole >> i * width & mask for i in range(count)]


def read_blocks(reader, count):
    """`count` integers of residual blocks."""
    out, base = [], 0
    while len(out) < count:
        n = min(BLOCK, count - len(out))
        w = reader.fixed("B")
        base += reader.zigzag()
        width = 64 if w & 63 == 63 else w & 63
        positions, high = [], []
        if w & 64:
            exceptions, high_width = reader.fixed("B"), reader.fixed("B")
            positions = reader.take(exceptions)
            high = _unpack(reader.take((exceptions * high_width + 7) // 8),
                           high_width, exceptions)
        low = _unpack(reader.take((n * width + 7) // 8), width, n)
        for position, bits in zip(positions, high):
            low[position] |= bits << width
        out += [signed(base + (_unzigzag(u) if w & 128 else u)) for u in low]
    return out


def blocks(values):
    """As 64 bits each, which any reader takes."""
    out = b""
    for at in range(0, len(values), BLOCK):
        some = values[at:at + BLOCK]
        out += b"\x3f\x00" + b"".join(
            struct.pack("<Q", value & (2**64 - 1)) for value in some)
    return out


def _integers(reader, count, predictor):
    if predictor == 0:
        return read_blocks(reader, count)
    out = [reader.zigzag()]
    if predictor == 1:
        steps = read_blocks(reader, count - 1)
    else:
        steps = [reader.zigzag()] if count > 1 else []
        for change in read_blocks(reader, max(count - 2, 0)):
            steps.append(signed(steps[-1] + change))
    for step in steps:
        out.append(signed(out[-1] + step))
    return out


def _exceptions(reader):
    found, at = {}, 0
    for _ in range(reader.varint()):
        at += reader.varint()
        kind = reader.fixed("B")
        found[at] = reader.fixed("Q") if kind == 7 else SPECIAL_BITS[kind]
        at += 1
    return found


def ordered(bits):
    """The integer that sorts as the float does, and back."""
    value = signed(bits)
    return value if value >= 0 else value ^ (2**63 - 1)


def read_values(data, count):
    reader = Reader(data)
    h = reader.fixed("B")
    scheme, scale = h & 3, h >> 2
    if scheme == 0:
        one = (reader.fixed("Q") if scale == 15 else
               bits_of(reader.zigzag() / 10**scale))
        return [one] * count
    f = reader.fixed("B")
    exceptions = _exceptions(reader) if f & 4 else {}
    shift, m0 = (reader.fixed("B"), reader.zigzag()) if f & 8 else (0, 0)
    ulps = read_blocks(reader, count) if scheme == 3 else [0] * count
    integers = [signed(m0 + (one << shift))
                for one in _integers(reader, count, f & 3)]
    if reader.more():
        raise ValueError("surplus bytes of values")
    if scheme == 2:
        out = [ordered(one) & (2**64 - 1) for one in integers]
    else:
        out = [bits_of(one / 10**scale) + ulp
               for one, ulp in zip(integers, ulps)]
    for at, bits in exceptions.items():
        out[at] = bits
    return out


def values(all_bits):
    if len(set(all_bits)) == 1:
        return bytes([15 << 2]) + struct.pack("<Q", all_bits[0])
    return b"\x02\x00" + blocks([ordered(bits) for bits in all_bits])


def read_times(data, count):
    reader = Reader(data)
    form, first, span = (reader.fixed("B"), reader.zigzag(), reader.varint())
    if form == 0:
        step = span // (count - 1) if count > 1 else 0
        return [first + i * step for i in range(count)]
    step = reader.varint() if form == 1 else 0
    rest = read_blocks(reader, count - 1)
    if form == 1:
        out = [first] + [first + (i + 1) * step + one
                         for i, one in enumerate(rest)]
    else:
        out = [first]
        for one in rest:
            out.append(out[-1] + one)
    if reader.more() or out[-1] != first + span:
        raise ValueError("timestamps that do not fit")
    return out


def times(all_ms):
    head = zigzag(all_ms[0]) + varint(all_ms[-1] - all_ms[0])
    if len(all_ms) == 1:
        return b"\0" + head
    return b"\2" + head + blocks(
        [b - a for a, b in zip(all_ms, all_ms[1:])])


@dataclass
class Histogram:
    layout: bytes
    reset: int
    sum: int       # bits
    count: int     # of float counts the bits, as are the next two
    zero_count: int
    buckets: list

    @property
    def floats(self):
        return self.layout[0] & 1


def _buckets_of(reader):
    """Reads a layout."""
    reader.take(1)
    reader.zigzag()
    reader.take(8)
    buckets = 0
    for _ in range(2):
        for _ in range(reader.varint()):
            reader.zigzag()
            buckets += reader.varint()
    reader.take(8 * reader.varint())
    return buckets


def read_histogram(data):
    reader = Reader(data)
    buckets = _buckets_of(reader)
    layout = data[:reader.at]
    reset, total = reader.fixed("B"), reader.fixed("Q")
    if layout[0] & 1:
        count, zero = reader.fixed("Q"), reader.fixed("Q")
        counts = [reader.fixed("Q") for _ in range(buckets)]
    else:
        count, zero = reader.varint(), reader.varint()
        counts = []
        for _ in range(buckets):
            counts.append((counts[-1] if counts else 0) + reader.zigzag())
    return Histogram(layout, reset, total, count, zero, counts)


def histogram_bytes(one):
    out = one.layout + bytes([one.reset]) + struct.pack("<Q", one.sum)
    if one.floats:
        return out + struct.pack(f"<{2 + len(one.buckets)}Q", one.count,
                                 one.zero_count, *one.buckets)
    return out + varint(one.count) + varint(one.zero_count) + b"".join(
        zigzag(b - a) for a, b in zip([0] + one.buckets, one.buckets))


def _integer_run(reader, layout, count):
    width = 2 + _buckets_of(Reader(layout))
    rows = []
    for row in range(width):
        first = reader.zigzag()
        rows.append([first + (rows[-1][0] if row > 2 else 0)])
    rest = read_blocks(reader, width * (count - 1))
    for i, change in enumerate(rest):
        row = rows[i // (count - 1)]
        row.append(row[-1] + change)
    return [(column[0] + sum(column[1:]), column[1], list(column[2:]))
            for column in zip(*rows)]


def _float_run(reader, layout, count):
    width = 2 + _buckets_of(Reader(layout))
    columns = zip(*[read_values(reader.prefixed(), count)
                    for _ in range(width)])
    return [(column[0], column[1], list(column[2:])) for column in columns]


def read_histograms(data, count):
    reader = Reader(data)
    layouts = [reader.prefixed() for _ in range(reader.varint())]
    runs, resets = [], []
    while sum(length for _, length in runs) < count:
        runs.append((layouts[reader.varint()], reader.varint()))
    while len(resets) < count:
        token = reader.varint()
        resets += [token & 3] * (token >> 2)
    sums = read_values(reader.prefixed(), count)
    found = []
    for layout, length in runs:
        run = Reader(reader.prefixed())
        counts = (_float_run if layout[0] & 1 else _integer_run)(
            run, layout, length)
        if run.more():
            raise ValueError("surplus bytes of histograms")
        for one in counts:
            at = len(found)
            found.append(Histogram(layout, resets[at], sums[at], *one))
    return found


def histograms(all_):
    """Each a run of its own, which any reader takes."""
    out = varint(len(all_)) + b"".join(prefixed(one.layout) for one in all_)
    out += b"".join(varint(i) + varint(1) for i in range(len(all_)))
    out += b"".join(varint(1 << 2 | one.reset) for one in all_)
    out += prefixed(values([one.sum for one in all_]))
    for one in all_:
        if one.floats:
            rows = [one.count, one.zero_count, *one.buckets]
            run = b"".join(prefixed(values([row])) for row in rows)
        else:
            rest = one.count - one.zero_count - sum(one.buckets)
            run = zigzag(rest) + zigzag(one.zero_count) + b"".join(
                zigzag(b - a) for a, b in zip([0] + one.buckets, one.buckets))
        out += prefixed(run)
    return out


@dataclass
class Series:
    hash: tuple
    labels: bytes
    floats: list = field(default_factory=list)      # (ms, bits)
    histograms: list = field(default_factory=list)  # (ms, bytes)
    exemplars: list = field(default_factory=list)   # (ms, bits, labels)
    starts: list = field(default_factory=list)      # (first, last, start)


def _read_floats(reader, series, shared):
    count = reader.varint()
    if count == 0:
        return shared
    runs = [min(RUN_MAX, count - at) for at in range(0, count, RUN_MAX)]
    if reader.fixed("B") == 0:
        shared = [ms for n in runs for ms in read_times(reader.prefixed(), n)]
    bits = [one for n in runs for one in read_values(reader.prefixed(), n)]
    series.floats = list(zip(shared, bits, strict=True))
    return shared


def _read_kinds(reader, series):
    while count := reader.varint():
        all_ms = read_times(reader.prefixed(), count)
        found = read_histograms(reader.prefixed(), count)
        series.histograms += zip(all_ms, map(histogram_bytes, found))
    for _ in range(reader.varint()):
        series.exemplars.append((reader.zigzag(), reader.fixed("Q"),
                                 reader.prefixed()))


def _read_starts(reader, series):
    at = 0
    for _ in range(reader.varint()):
        first = at + reader.varint()
        at = first + reader.varint()
        series.starts.append((first, at, reader.zigzag()))


def read_batch(message):
    """(kind, [Series]); of the end: (KIND_END, the Coverage's bytes)."""
    reader = Reader(message)
    kind = reader.fixed("B")
    if kind == KIND_END:
        return kind, reader.rest()
    if kind > KIND_STARTS:
        raise ValueError(f"a batch of kind {kind}")
    found, shared = [], None
    while reader.more():
        series = Series((reader.fixed("Q"), reader.fixed("Q")),
                        reader.prefixed())
        shared = _read_floats(reader, series, shared)
        if kind >= KIND_ALL:
            _read_kinds(reader, series)
        if kind >= KIND_STARTS:
            _read_starts(reader, series)
        found.append(series)
    return kind, found


def batch(kind, all_series):
    out = bytes([kind])
    for one in all_series:
        out += struct.pack("<QQ", *one.hash) + prefixed(one.labels)
        out += varint(len(one.floats))
        if one.floats:
            out += b"\0"
            for column, at in ((times, 0), (values, 1)):
                for i in range(0, len(one.floats), RUN_MAX):
                    out += prefixed(column(
                        [row[at] for row in one.floats[i:i + RUN_MAX]]))
        if kind >= KIND_ALL:
            if one.histograms:
                out += varint(len(one.histograms)) + prefixed(
                    times([ms for ms, _ in one.histograms])) + prefixed(
                    histograms([read_histogram(data)
                                for _, data in one.histograms]))
            out += b"\0" + varint(len(one.exemplars))
            for ms, bits, labels in one.exemplars:
                out += zigzag(ms) + struct.pack("<Q", bits) + prefixed(labels)
        if kind >= KIND_STARTS:
            out += varint(len(one.starts))
            at = 0
            for first, last, start in one.starts:
                out += varint(first - at) + varint(last - first)
                out += zigzag(start)
                at = last
    return out
