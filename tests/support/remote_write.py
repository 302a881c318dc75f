"""Remote write bodies made by hand, so that tests can also damage them."""

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


def _zigzag(value):
    return varint((value << 1 ^ value >> 63) & (2**64 - 1))


def _double(number, value):
    return varint(number << 3 | 1) + struct.pack("<d", value)


def _number(number, encoded):
    return varint(number << 3) + encoded


def _spans(number, spans):
    return b"".join(
        _field(number, _number(1, _zigzag(offset)) + _number(2, varint(length)))
        for offset, length in spans)


def _deltas(counts):
    last, out = 0, b""
    for count in counts:
        out += _zigzag(count - last)
        last = count
    return out


RESETS = ("unknown", "yes", "no", "gauge")


def _histogram_fields(timestamp_ms, value):
    """value: as the object in export's "histograms"."""
    floats = value.get("float_counts", False)
    if floats:
        counts = _double(2, value["count"]) + _double(7, value["zero_count"])
    else:
        counts = (_number(1, varint(value["count"])) +
                  _number(6, varint(value["zero_count"])))
    message = (counts + _double(3, value["sum"]) +
               _number(4, _zigzag(value["schema"])) +
               _double(5, value["zero_threshold"]))
    for side, spans, deltas, absolute in (("negative", 8, 9, 10),
                                          ("positive", 11, 12, 13)):
        message += _spans(spans, value[side + "_spans"])
        buckets = value[side + "_buckets"]
        if floats:
            message += _field(absolute, b"".join(
                struct.pack("<d", bucket) for bucket in buckets))
        else:
            message += _field(deltas, _deltas(buckets))
    message += _number(14, varint(RESETS.index(value.get("reset", "unknown"))))
    message += _number(15, varint(timestamp_ms & (2**64 - 1)))
    bounds = value.get("custom_bounds", [])
    if bounds:
        message += _field(16, b"".join(struct.pack("<d", b) for b in bounds))
    return message


def _histogram(timestamp_ms, value):
    return _field(4, _histogram_fields(timestamp_ms, value))


def histogram_series(labels, samples):
    """samples: [(timestamp_ms, {"schema": …})] of native histograms."""
    return _field(1, b"".join(_label(n, v) for n, v in sorted(labels.items())) +
                  b"".join(_histogram(t, v) for t, v in samples))


def exemplar_series(labels, exemplars):
    """exemplars: [(labels, value, timestamp_ms)]."""
    return _field(1, b"".join(_label(n, v) for n, v in sorted(labels.items())) +
                  b"".join(
                      _field(3, b"".join(_label(n, v) for n, v in own.items()) +
                             _double(2, value) +
                             _number(3, varint(timestamp_ms & (2**64 - 1))))
                      for own, value, timestamp_ms in exemplars))


def metadata(metric, kind, help_text, unit):
    """kind: the number of MetricMetadata's type."""
    return _field(3, _number(1, varint(kind)) + _field(2, metric.encode()) +
                  _field(4, help_text.encode()) + _field(5, unit.encode()))


def write_request(series):
    """series: [(labels, samples)] -> the protobuf message."""
    return b"".join(time_series(labels, samples) for labels, samples in series)


class Request2:
    """Builds a message of remote write 2.0."""

    CONTENT_TYPE = "application/x-protobuf;proto=io.prometheus.write.v2.Request"

    def __init__(self):
        self.symbols = {"": 0}
        self.series = b""

    def _refs(self, labels):
        return b"".join(
            varint(self.symbols.setdefault(text, len(self.symbols)))
            for pair in sorted(labels.items()) for text in pair)

    def add(self, labels, samples=(), histograms=(), exemplars=(), created=0,
            kind=0, help_text=""):
        """samples: (timestamp_ms, value[, start_ms]); histograms likewise,
        with values as in export; exemplars: (labels, value, timestamp_ms)."""
        message = _field(1, self._refs(labels))
        for sample in samples:
            timestamp_ms, value, *start = sample
            message += _field(2, _double(1, value) + self._times(2, timestamp_ms)
                              + (self._times(3, start[0]) if start else b""))
        for sample in histograms:
            timestamp_ms, value, *start = sample
            message += _field(3, _histogram_fields(timestamp_ms, value) +
                              (self._times(17, start[0]) if start else b""))
        for own, value, timestamp_ms in exemplars:
            message += _field(4, _field(1, self._refs(own)) +
                              _double(2, value) + self._times(3, timestamp_ms))
        if kind or help_text:
            text = self.symbols.setdefault(help_text, len(self.symbols))
            message += _field(5, _number(1, varint(kind)) +
                              _number(3, varint(text)))
        if created:
            message += self._times(6, created)
        self.series += _field(5, message)
        return self

    @staticmethod
    def _times(number, timestamp_ms):
        return _number(number, varint(timestamp_ms & (2**64 - 1)))

    def message(self):
        return b"".join(_field(4, text.encode())
                        for text in self.symbols) + self.series


def snappy(data):
    """A valid snappy block of literals only."""
    out = bytearray(varint(len(data)))
    for start in range(0, len(data), 65536):
        part = data[start:start + 65536]
        out += b"\xf4" + struct.pack("<H", len(part) - 1) + part
    return bytes(out)


def zstd(data):
    """A valid zstd frame of raw blocks only."""
    out = bytearray(b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data)))
    starts = range(0, max(len(data), 1), 1 << 17)
    for start in starts:
        part = data[start:start + (1 << 17)]
        last = start == starts[-1]
        out += struct.pack("<I", last | len(part) << 3)[:3] + part
    return bytes(out)
