"""DataDog's protobuf, as its agent writes it."""

from tests.support.otlp import double, integer, message, varint


def series(metric, points, tags=(), resources=None, source=""):
    """A body of /api/v2/series; points are (seconds, value), resources
    {type: name}."""
    return message(1, b"".join(
        [message(1, message(1, kind) + message(2, name))
         for kind, name in (resources or {}).items()] +
        [message(2, metric)] + [message(3, tag) for tag in tags] +
        [message(4, double(1, value) + integer(2, seconds))
         for seconds, value in points] +
        ([message(7, source)] if source else [])))


def dogsketch(seconds, count, low, high, total, bins):
    """bins: {key: count}, keys ascending."""
    return (integer(1, seconds) + integer(2, count) + double(3, low) +
            double(4, high) + double(6, total) +
            message(7, b"".join(varint(key << 1 ^ key >> 63)
                                for key in bins)) +
            message(8, b"".join(varint(n) for n in bins.values())))


def sketch(metric, points, tags=(), host=""):
    """A body of /api/beta/sketches; points are (seconds, values), whose values
    all fall into the bin around 1."""
    return message(1, message(1, metric) + message(2, host) + b"".join(
        [message(4, tag) for tag in tags] +
        [message(7, dogsketch(seconds, len(values), min(values), max(values),
                              sum(values), {1338: len(values)}))
         for seconds, values in points]))
