"""What a storage node of release 0.1 answers to reads. FROZEN:
release_0_1_wire.py."""

import collections
import re
import struct
import time

from tests.support import release_0_1_columns as columns
from tests.support import release_0_1_rows as rows_of
from tests.support import release_0_1_wire as wire
from tests.support.release_0_1_bytes import xxh3_64, xxh3_128
from tests.support.release_0_1_messages import decode

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SLOTS_OF_PART = 64


class Stored:
    """A series."""

    def __init__(self, tenant, labels):
        self.tenant = tenant
        self.labels = labels
        self.by_name = rows_of.labels_of(labels)
        self.hash = rows_of.series_hash(tenant, labels)
        self.floats = {}       # ms: set of bits
        self.histograms = {}   # ms: set of bytes
        self.exemplars = set()  # (ms, bits, labels)
        self.starts = []       # (first, last, start)

    @property
    def slot(self):
        return self.hash[0] >> 48

    def has_rows(self, start, end):
        return any(start <= ms <= end for kept in (self.floats,
                                                   self.histograms)
                   for ms in kept) or any(
            start <= one[0] <= end for one in self.exemplars)

    def within(self, start, end, keep_all):
        """As a search answers it."""
        def in_range(kept, best):
            return [(ms, one) for ms in sorted(kept) if start <= ms <= end
                    for one in (sorted(kept[ms]) if keep_all else
                                [max(kept[ms], key=best)])]
        floats = in_range(self.floats, columns.ordered)
        histograms = in_range(self.histograms, bytes)
        if not keep_all:   # a histogram over a float
            floats = [row for row in floats if row[0] not in self.histograms]
        runs = []
        for first, last, begun in sorted(self.starts):
            first, last = max(first, start), min(last, end)
            if first <= last and not (runs and first <= runs[-1][1]):
                runs.append((first, last, begun))
        return columns.Series(
            self.hash, self.labels, floats, histograms,
            sorted(one for one in self.exemplars if start <= one[0] <= end),
            runs)

    def forget(self, start, end):
        for kept in (self.floats, self.histograms):
            for ms in [ms for ms in kept if start <= ms <= end]:
                del kept[ms]
        self.exemplars = {one for one in self.exemplars
                          if not start <= one[0] <= end}

    def samples(self):
        """What a digest counts: (kind, ms, the end of what is hashed)."""
        for kind, kept in enumerate((self.floats, self.histograms)):
            for ms, all_ in kept.items():
                for one in all_:
                    yield kind, ms, (struct.pack("<Q", one) if kind == 0
                                     else one)
        for ms in {*self.floats, *self.histograms}:
            for first, last, start in self.starts:
                if first <= ms <= last:
                    yield 2, ms, struct.pack("<q", start)
                    break


class Reads:
    """The half of a StorageNode that answers reads; `self` is all of it."""

    def _told(self, start, end, **more):
        """A Coverage."""
        missed = [{name: one[name] for name in ("owner", "start_ms",
                                                "end_ms")}
                  for one in self.missed
                  if one["start_ms"] <= end and start <= one["end_ms"]]
        return {"node_id": self.node_id, "missed": missed,
                "coverage_version": self._coverage_version,
                "storage_rules": self.storage_rules, **more}

    def _coverage(self, payload):
        request = decode("CoverageRequest", payload)
        return self._encode("Coverage", **self._told(request["start_ms"],
                                                     request["end_ms"]))

    def _matching(self, request):
        """Series with rows in the request's range."""
        tenant = request["tenant"] or {"kind": 0, "id": 0}
        tenant = tenant["kind"], tenant["id"]
        slots = request.get("slots")
        for one in self.series.values():
            if one.tenant != tenant or not one.has_rows(request["start_ms"],
                                                        request["end_ms"]):
                continue
            if slots and not slots[one.slot // 8] >> one.slot % 8 & 1:
                continue
            if self._matches(one.by_name, request.get("groups")):
                yield one

    @staticmethod
    def _matches(labels, groups):
        def fits(matcher):
            have = labels.get(matcher["name"].decode(), "")
            want = matcher["value"].decode()
            found = (have == want if matcher["type"] < 2 else
                     re.fullmatch(want, have) is not None)
            return found != bool(matcher["type"] & 1)
        return not groups or any(all(map(fits, group["matchers"]))
                                 for group in groups)

    def _check_version(self, request):
        if request["coverage_version"] not in (0, self._coverage_version):
            raise wire.CallError(wire.ABORTED, "another coverage version")

    def _search(self, payload):
        request = decode("SearchRequest", payload)
        if self.has("rollup"):
            self._check_version(request)
        start, end = request["start_ms"], request["end_ms"]
        kind = columns.KIND_FLOATS
        if request["all_kinds"] and self.has("histograms"):
            kind = columns.KIND_ALL
            if request["starts"] and self.has("starts"):
                kind = columns.KIND_STARTS
        found = []
        for one in self._matching(request):
            series = one.within(start, end, request["keep_all"])
            exemplars = request["exemplars"] and kind != columns.KIND_FLOATS
            if request["labels_only"] or exemplars:
                series.floats, series.histograms, series.starts = [], [], []
            if not exemplars:
                series.exemplars = []
            if request["labels_only"] or series.floats or (
                    series.histograms or series.exemplars):
                found.append(series)
        told = self._told(start, end, history={"changes": self.changes})
        return [columns.batch(kind, found),
                bytes([columns.KIND_END]) + self._encode("Coverage", **told)]

    def _rollup(self, payload):
        """Never computes one: the series are to be asked for."""
        request = decode("RollupRequest", payload)["search"]
        self._check_version(request)
        return self._encode(
            "RollupResponse", unsupported=True,
            coverage=self._told(request["start_ms"], request["end_ms"]))

    def _labels(self, payload):
        request = decode("LabelsRequest", payload)
        wanted = request["label"].decode()
        items = set()
        for one in self._matching(request):
            if not wanted:
                items.update(one.by_name)
            elif wanted in one.by_name:
                items.add(one.by_name[wanted])
        items = sorted(item.encode() for item in items)
        return self._encode(
            "LabelsResponse", items=items[:request["limit"] or None],
            coverage=self._told(request["start_ms"], request["end_ms"]))

    def _metadata(self, payload):
        request = decode("MetadataRequest", payload)
        tenant = request["tenant"] or {"kind": 0, "id": 0}
        entries = [
            {"metric": metric, "type": kind, "help": help_, "unit": unit,
             "written_ms": ms}
            for (whose, metric), (kind, help_, unit, ms)
            in self.metadata.items()
            if whose == (tenant["kind"], tenant["id"]) and
            request["metric"] in (b"", metric)]
        return self._encode("MetadataResponse", entries=entries,
                            coverage=self._told(1, 0))

    def _history(self, payload):
        ranges = decode("HistoryRequest", payload)["ranges"]
        return self._encode(
            "HistoryResponse", coverage=self._told(1, 0),
            histories=[{"changes": self.changes} for _ in ranges])

    def _tenants(self, payload):
        request = decode("TenantsRequest", payload)
        start, end = request["start_ms"], request["end_ms"]
        tenants = {one.tenant for one in self.series.values()
                   if one.has_rows(start, end)}
        return self._encode(
            "TenantsResponse", coverage=self._told(start, end),
            tenants=[{"kind": kind, "id": number,
                      "name": self.names.get(number, b"") if kind else b""}
                     for kind, number in sorted(tenants)])

    def _nameusage(self, _):
        return self._encode("NameUsageResponse", coverage=self._told(1, 0))

    def _delete(self, payload):
        request = decode("DeleteRequest", payload)
        found = list(self._matching(request))
        for one in found:
            one.forget(request["start_ms"], request["end_ms"])
        self.changes += 1
        return self._encode("DeleteResponse", series=len(found))

    def _cardinality(self, payload):
        request = decode("CardinalityRequest", payload)
        found = list(self._matching(request))
        told = self._told(request["start_ms"], request["end_ms"])
        if request["digests"]:
            slots = collections.defaultdict(list)
            for one in found:
                slots[one.slot].append(one.hash[1])
            return self._encode(
                "CardinalityResponse", coverage=told,
                digest_slots=list(slots),
                digest_counts=[len(lows) for lows in slots.values()],
                digest_sums=[sum(lows) % 2**64 for lows in slots.values()])
        pairs = collections.Counter(
            pair for one in found for pair in one.by_name.items())
        focus = request["focus_label"].decode()

        def counts(counter):
            top = sorted(counter.items(), key=lambda one: (-one[1], one[0]))
            return [{"name": name.encode(), "count": count}
                    for name, count in top[:request["top_n"] or None]]

        hashes = collections.defaultdict(list)
        for name, value in pairs if request["value_hashes"] else ():
            hashes[name].append(xxh3_64(value.encode()))
        return self._encode(
            "CardinalityResponse", coverage=told, total_series=len(found),
            total_label_value_pairs=sum(pairs.values()),
            series_count_by_metric_name=counts(collections.Counter(
                one.by_name.get("__name__", "") for one in found)),
            series_count_by_label_name=counts(collections.Counter(
                name for one in found for name in one.by_name)),
            series_count_by_focus_label_value=counts(collections.Counter(
                one.by_name[focus] for one in found
                if focus in one.by_name)),
            series_count_by_label_value_pair=counts(collections.Counter({
                f"{name}={value}": count
                for (name, value), count in pairs.items()})),
            label_value_count_by_label_name=counts(collections.Counter(
                name for name, _ in pairs)),
            value_hashes=[{"label": name.encode(), "hashes": of}
                          for name, of in hashes.items()])

    def _digest(self, payload):
        request = decode("DigestRequest", payload)
        span = HOUR_MS if request["by_hour"] else DAY_MS
        first = request["start_ms"] // span * span
        request.update(start_ms=first,
                       end_ms=request["end_ms"] // span * span + span - 1)
        # {start of the span: {(kind, hour, part): [count, sum]}}
        spans = collections.defaultdict(dict)
        for one in self._matching(request):
            for kind, ms, data in one.samples():
                if not request["start_ms"] <= ms <= request["end_ms"]:
                    continue
                key = ((kind, ms % DAY_MS // HOUR_MS,
                        one.slot // SLOTS_OF_PART)
                       if not request["totals"] else
                       (kind, ms // span * span % DAY_MS // HOUR_MS, 0))
                row = spans[ms // span * span].setdefault(key, [0, 0])
                high, low = xxh3_128(
                    struct.pack("<QQq", *one.hash, ms) + data)
                row[0] += 1
                row[1] = (row[1] + (high << 64) + low) % 2**128
        messages = []
        for begins, rows in sorted(spans.items()):
            keys = sorted(rows)
            messages.append(self._encode(
                "DigestResponse", day=begins // DAY_MS,
                kinds=[key[0] for key in keys],
                hours=[key[1] for key in keys],
                parts=[key[2] for key in keys],
                counts=[rows[key][0] for key in keys],
                sums_high=[rows[key][1] >> 64 for key in keys],
                sums_low=[rows[key][1] % 2**64 for key in keys],
                settled=begins + span + HOUR_MS < time.time() * 1000))
        return messages + [self._encode(
            "DigestResponse",
            coverage=self._told(request["start_ms"], request["end_ms"]))]
