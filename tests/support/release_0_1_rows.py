"""Data records of release 0.1: rows on their way to a storage node. FROZEN:
release_0_1_wire.py."""

import struct
from dataclasses import dataclass, field

from tests.support.release_0_1_bytes import (
    Reader, lz4_pack, lz4_unpack, prefixed, signed, varint, xxh3_64, xxh3_128,
    zigzag)

FLOATS, HISTOGRAMS, EXEMPLARS, METADATA, STARTS = range(5)
ACK_DURABLE, ACK_WRITTEN, ACK_MEMORY = range(3)
# The first feature bits are of the kinds of sections, in their order.
KIND_FEATURES = ("floats", "histograms", "exemplars", "metadata", "starts")
RING_SEED = 0x766172766502


def bits_of(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def float_of(bits):
    return struct.unpack("<d", struct.pack("<Q", bits & (2**64 - 1)))[0]


def canonical(labels):
    """The bytes of {name: value}."""
    return b"".join(prefixed(name.encode()) + prefixed(value.encode())
                    for name, value in sorted(labels.items()))


def labels_of(data):
    reader, labels = Reader(data), {}
    while reader.more():
        name = reader.prefixed().decode()
        labels[name] = reader.prefixed().decode()
    return labels


def series_hash(tenant, labels):
    """(high, low) of canonical bytes; the slot is high >> 48. `tenant`:
    (kind, id)."""
    return xxh3_128(struct.pack(">BQ", *tenant) + labels)


def ring_of(members, factor, now_ms):
    """A Ring of [(node_id, address)], without zones."""
    members = sorted(members)
    key = varint(factor) + b"".join(
        struct.pack("<Q", node_id) + varint(1) + prefixed(b"")
        for node_id, _ in members)
    return {"ring_id": xxh3_64(key, RING_SEED),
            "members": [{"node_id": node_id, "address": address, "weight": 1}
                        for node_id, address in members],
            "replication_factor": factor, "first_ms": now_ms,
            "last_ms": now_ms}


@dataclass
class Rows:
    """What a record has of one tenant, or of all of them by section."""
    floats: list = field(default_factory=list)      # (ref, ms, bits)
    histograms: list = field(default_factory=list)  # (ref, ms, bytes)
    exemplars: list = field(default_factory=list)   # (ref, ms, bits, labels)
    metadata: list = field(default_factory=list)    # (type, name, help, unit)
    starts: list = field(default_factory=list)      # (ref, first, last, start)

    def count(self):
        return (len(self.floats) + len(self.histograms) +
                len(self.exemplars) + len(self.starts))


def _differences(values):
    last = 0
    for value in values:
        yield zigzag(value - last)
        last = value


def _token(bits):
    value = float_of(bits)
    if abs(value) < 2**50 and bits_of(float(int(value))) == bits:
        return varint(int.from_bytes(
            _unsigned_zigzag(int(value)), "little") << 1)
    return varint(31) + struct.pack("<Q", bits)


def _unsigned_zigzag(value):
    return ((value << 1) ^ (value >> 63)).to_bytes(8, "little")


def _float_section(rows):
    """Rows of one series must stand together."""
    refs, counts = [], []
    for ref, _, _ in rows:
        if not refs or refs[-1] != ref:
            refs.append(ref)
            counts.append(0)
        counts[-1] += 1
    return (varint(len(refs)) + varint(len(rows)) + b"\0" +
            b"".join(_differences(refs)) + b"".join(map(varint, counts)) +
            b"".join(_differences([ms for _, ms, _ in rows])) +
            b"".join(_token(bits) for _, _, bits in rows))


def _keyed_section(rows, rest):
    """Rows that begin with ref and ms; rest(row): what follows."""
    heads = zip(_differences([row[0] for row in rows]),
                _differences([row[1] for row in rows]))
    return varint(len(rows)) + b"".join(
        ref + ms + rest(row) for (ref, ms), row in zip(heads, rows))


def _start_section(rows):
    starts = list(_differences([row[3] for row in rows]))
    ends = {id(row): varint(row[2] - row[1]) + start
            for row, start in zip(rows, starts)}
    return _keyed_section(rows, lambda row: ends[id(row)])


def encode_record(ring, accept_ms, tenants):
    """tenants: {(kind, id): Rows}."""
    out = struct.pack("<Qq", ring, accept_ms)
    sections = []
    for tenant, rows in tenants.items():
        sections += [
            (FLOATS, tenant, rows.floats, _float_section),
            (HISTOGRAMS, tenant, rows.histograms,
             lambda all_: _keyed_section(all_, lambda r: prefixed(r[2]))),
            (EXEMPLARS, tenant, rows.exemplars,
             lambda all_: _keyed_section(
                 all_, lambda r: struct.pack("<Q", r[2]) + prefixed(r[3]))),
            (METADATA, tenant, rows.metadata,
             lambda all_: varint(len(all_)) + b"".join(
                 bytes([r[0]]) + b"".join(map(prefixed, r[1:]))
                 for r in all_)),
            (STARTS, tenant, rows.starts, _start_section)]
    for kind, tenant, rows, body_of in sorted(sections, key=lambda s: s[0]):
        if rows:
            body = body_of(rows)
            out += struct.pack("<BBQI", kind, *tenant, len(body)) + body
    return out


def _value(reader):
    token = reader.varint()
    if token & 1 == 0:
        mantissa, scale = token >> 1, None
    else:
        mantissa, scale = token >> 5, token >> 1 & 15
        if scale == 15:
            return reader.fixed("Q")
    mantissa = (mantissa >> 1) ^ -(mantissa & 1)
    if scale is None:
        return bits_of(float(mantissa))
    if scale == 0:
        return bits_of(float(1024 * mantissa))
    return bits_of(mantissa / 10**scale)


def _sums(reader, count):
    last, out = 0, []
    for _ in range(count):
        last = signed(last + reader.zigzag())
        out.append(last)
    return out


def _read_times(reader, flags, rows):
    if flags & 2:
        return _sums(reader, 1) * rows
    if not flags & 4:
        return _sums(reader, rows)
    times, last = [], 0
    while len(times) < rows:
        length = reader.varint()
        last = signed(last + reader.zigzag())
        times += [last] * length
    return times


def _read_floats(reader, rows):
    series, count, flags = reader.varint(), reader.varint(), reader.fixed("B")
    refs = _sums(reader, series)
    counts = ([1] * series if flags & 1 else
              [reader.varint() for _ in range(series)])
    if sum(counts) != count or flags & ~7:
        raise ValueError("floats whose counts do not fit")
    times = _read_times(reader, flags, count)
    by_row = [ref for ref, n in zip(refs, counts) for _ in range(n)]
    rows.floats += [(ref, ms, _value(reader))
                    for ref, ms in zip(by_row, times)]


def _read_keyed(reader, rest):
    rows, ref, at_ms = [], 0, 0
    for _ in range(reader.varint()):
        ref = signed(ref + reader.zigzag())
        at_ms = signed(at_ms + reader.zigzag())
        rows.append((ref, at_ms, *rest()))
    return rows


def _read_section(kind, reader, rows):
    if kind == FLOATS:
        _read_floats(reader, rows)
    elif kind == HISTOGRAMS:
        rows.histograms += _read_keyed(reader, lambda: (reader.prefixed(),))
    elif kind == EXEMPLARS:
        rows.exemplars += _read_keyed(
            reader, lambda: (reader.fixed("Q"), reader.prefixed()))
    elif kind == METADATA:
        rows.metadata += [
            (reader.fixed("B"), reader.prefixed(), reader.prefixed(),
             reader.prefixed()) for _ in range(reader.varint())]
    elif kind == STARTS:
        start = 0
        for ref, first, length, step in _read_keyed(
                reader, lambda: (reader.varint(), reader.zigzag())):
            start = signed(start + step)
            rows.starts.append((ref, first, first + length, start))
    else:
        raise ValueError(f"a section of kind {kind}")
    if reader.more():
        raise ValueError(f"surplus bytes of a section of kind {kind}")


def decode_record(record, kinds):
    """(ring, accept_ms, {tenant: Rows}); ValueError for a section whose kind
    is not among `kinds`."""
    reader = Reader(record)
    ring, accept_ms = reader.fixed("Q"), reader.fixed("q")
    tenants = {}
    while reader.more():
        kind = reader.fixed("B")
        tenant = (reader.fixed("B"), reader.fixed("Q"))
        if kind not in kinds:
            raise ValueError(f"a section of kind {kind}")
        _read_section(kind, Reader(reader.take(reader.fixed("I"))),
                      tenants.setdefault(tenant, Rows()))
    return ring, accept_ms, tenants


def encode_frame(record, ref_epoch, ack=ACK_DURABLE, packed=False):
    data = lz4_pack(record) if packed else record
    return struct.pack("<BBQI", ack, packed, ref_epoch, len(record)) + data


def decode_frame(payload, lz4=True):
    """(ack, ref_epoch, record); ValueError for LZ4 where it is not known."""
    ack, coding, ref_epoch, size = struct.unpack_from("<BBQI", payload)
    record = payload[14:]
    if coding == 1 and lz4:
        record = lz4_unpack(record, size)
    elif coding != 0:
        raise ValueError(f"a frame of coding {coding}")
    if len(record) != size or ack > ACK_MEMORY:
        raise ValueError("a frame that does not fit")
    return ack, ref_epoch, record
