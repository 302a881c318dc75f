"""Messages between nodes of release 0.1. FROZEN: release_0_1_wire.py."""

import struct

from tests.support.release_0_1_bytes import (
    Reader, prefixed, signed, varint, zigzag)

# Messages: field name, number and type. u unsigned and i signed varint, z
# zigzag, ? bool, f fixed64, s text, y bytes, else another message; with * a
# list, which is packed where it is of numbers.
_MESSAGES = {
    "Hello": "version 1 u, role 2 s, node_id 3 f, ref_epoch 4 f, "
             "features 5 u, token 6 s, zone 7 s",
    "Tenant": "kind 1 u, id 2 f, name 3 y",
    "TenantNames": "tenants 1 Tenant*",
    "TenantNamesResponse": "refused 1 ?*",
    "Series": "tenant 1 Tenant, labels 2 y, rows 3 u",
    "DefineRequest": "series 1 Series*",
    "DefineResponse": "ref_epoch 1 f, refs 2 u*, refused 3 u*",
    "Ack": "rows 1 i, too_old 2 i, too_new 3 i, redefine 4 ?, "
           "coverage_version 5 f",
    "Missed": "owner 1 f, ring 2 f, slots 3 u*, start_ms 4 i, end_ms 5 i, "
              "hint_holder 6 f, hint_log 7 f",
    "HintDefineRequest": "owner 1 f, series 2 Series*",
    "HintDefineResponse": "hint_log 1 f, refs 2 u*",
    "HintAck": "redefine 1 ?",
    "HintLog": "owner 1 f, hint_log 2 f",
    "HintStatusRequest": "logs 1 HintLog*",
    "HintStatusResponse": "states 1 u*",
    "Member": "node_id 1 f, address 2 s, zone 3 s, weight 4 u, "
              "select_address 5 s",
    "Ring": "ring_id 1 f, members 2 Member*, replication_factor 3 u, "
            "first_ms 4 i, last_ms 5 i",
    "RingList": "rings 1 Ring*",
    "Matcher": "type 1 u, name 2 y, value 3 y",
    "MatcherGroup": "matchers 1 Matcher*",
    "SearchRequest": "tenant 1 Tenant, groups 2 MatcherGroup*, start_ms 3 i, "
                     "end_ms 4 i, series_max 5 i, labels_only 6 ?, "
                     "keep_all 7 ?, all_kinds 8 ?, exemplars 9 ?, slots 10 y, "
                     "coverage_version 11 f, timeout_ms 12 i, starts 13 ?, "
                     "of_repair 14 ?",
    "MissedSpan": "owner 1 f, start_ms 2 i, end_ms 3 i",
    "Coverage": "node_id 1 f, coverage_version 2 f, replaying 3 ?, "
                "dedup_interval_ms 4 i, dedup_keep_all 5 ?, damaged 6 ?, "
                "missed 7 MissedSpan*, history 8 History, cost 9 ReadCost, "
                "storage_rules 10 f, partial 11 ?, warnings 12 s*, "
                "cluster_ids 13 f*",
    "History": "changes 1 u, settled_start_ms 2 i, settled_end_ms 3 i",
    "Range": "start_ms 1 i, end_ms 2 i",
    "HistoryRequest": "tenant 1 Tenant, ranges 2 Range*",
    "HistoryResponse": "coverage 1 Coverage, histories 2 History*",
    "ReadCost": "series_matched 1 i, series 2 i, samples 3 i, bytes 4 i, "
                "blocks 5 i, block_bytes 6 i, index_us 7 i, total_us 8 i, "
                "cpu_us 9 i",
    "CoverageRequest": "start_ms 1 i, end_ms 2 i",
    "RollupRequest": "search 1 SearchRequest, function 2 y, "
                     "first_end_ms 3 i, end_step_ms 4 i, range_ms 5 i, "
                     "steps 6 u, aggregate 7 u, without 8 ?, grouping 9 y*, "
                     "without_metadata 10 ?, label_hashes 11 ?, "
                     "samples_max 12 i, samples_per_series_max 13 i",
    "RollupResponse": "keys 1 y*, states 2 y*, label_hashes 3 f*, "
                      "metric_names 4 y*, series 5 i, samples 6 i, "
                      "unsupported 7 ?, coverage 8 Coverage",
    "LabelsRequest": "tenant 1 Tenant, groups 2 MatcherGroup*, start_ms 3 i, "
                     "end_ms 4 i, limit 5 i, label 6 y, timeout_ms 7 i",
    "LabelsResponse": "items 1 y*, coverage 2 Coverage",
    "CardinalityRequest": "tenant 1 Tenant, groups 2 MatcherGroup*, "
                          "start_ms 3 i, end_ms 4 i, focus_label 5 y, "
                          "top_n 6 i, slots 7 y, digests 8 ?, "
                          "value_hashes 9 ?, timeout_ms 10 i",
    "NamedCount": "name 1 y, count 2 i",
    "ValueHashes": "label 1 y, hashes 2 f*",
    "CardinalityResponse":
        "total_series 1 i, total_label_value_pairs 2 i, "
        "series_count_by_metric_name 3 NamedCount*, "
        "series_count_by_label_name 4 NamedCount*, "
        "series_count_by_focus_label_value 5 NamedCount*, "
        "series_count_by_label_value_pair 6 NamedCount*, "
        "label_value_count_by_label_name 7 NamedCount*, coverage 8 Coverage, "
        "digest_slots 9 u*, digest_counts 10 u*, digest_sums 11 f*, "
        "value_hashes 12 ValueHashes*",
    "MetadataRequest": "tenant 1 Tenant, metric 2 y, limit 3 i",
    "MetadataEntry": "metric 1 y, type 2 u, help 3 y, unit 4 y, "
                     "written_ms 5 i",
    "MetadataResponse": "entries 1 MetadataEntry*, coverage 2 Coverage",
    "DeleteRequest": "tenant 1 Tenant, groups 2 MatcherGroup*, start_ms 3 i, "
                     "end_ms 4 i, accept_ms 5 i, series_max 6 i",
    "DeleteResponse": "series 1 i",
    "TenantsRequest": "start_ms 1 i, end_ms 2 i",
    "TenantsResponse": "tenants 1 Tenant*, coverage 2 Coverage",
    "NameUsageRequest": "tenant 1 Tenant, reset 2 ?",
    "NameUsageEntry": "name 1 y, queries 2 i, last_s 3 i",
    "NameUsageResponse": "since_s 1 i, names 2 NameUsageEntry*, "
                         "coverage 3 Coverage",
    "DigestRequest": "tenant 1 Tenant, start_ms 2 i, end_ms 3 i, slots 4 y, "
                     "timeout_ms 6 i, totals 7 ?, by_hour 8 ?",
    "DigestResponse": "day 1 z, kinds 2 u*, hours 3 u*, parts 4 u*, "
                      "counts 5 u*, sums_high 6 f*, sums_low 7 f*, "
                      "settled 8 ?, coverage 9 Coverage",
}


def _fields(text):
    """[(name, number, type, is a list)]"""
    for field in text.split(", "):
        name, number, kind = field.split(" ")
        yield name, int(number), kind.rstrip("*"), kind.endswith("*")


_SCHEMA = {name: list(_fields(text)) for name, text in _MESSAGES.items()}
_DEFAULTS = {"u": 0, "i": 0, "z": 0, "?": False, "f": 0, "s": "", "y": b""}


def _number(kind, value):
    if kind == "f":
        return struct.pack("<Q", value)
    return zigzag(value) if kind == "z" else varint(int(value))


def encode(message, unknown=b"", **values):
    """The bytes of a message; `unknown`: fields of another release."""
    out = bytearray()
    for name, number, kind, many in _SCHEMA[message]:
        given = values.pop(name, None)
        if given is None or given == [] or given == _DEFAULTS.get(kind):
            continue
        if kind in "uiz?f" and many:
            packed = b"".join(_number(kind, one) for one in given)
            out += varint(number << 3 | 2) + prefixed(packed)
            continue
        for one in given if many else [given]:
            if kind in "uiz?f":
                wire_type = 1 if kind == "f" else 0
                out += varint(number << 3 | wire_type) + _number(kind, one)
            else:
                if kind == "s":
                    one = one.encode()
                elif kind != "y":
                    one = encode(kind, unknown, **one)
                out += varint(number << 3 | 2) + prefixed(one)
    assert not values, f"{message} has no {list(values)}"
    return bytes(out) + unknown


def _value(kind, wire_type, reader):
    """One value of a field, or the list of those that are packed."""
    if wire_type == 2 and kind in "uiz?f":
        packed = Reader(reader.prefixed())
        values = []
        while packed.more():
            values.append(_value(kind, 1 if kind == "f" else 0, packed))
        return values
    if wire_type == 1:
        return reader.fixed("Q")
    if wire_type == 0:
        if kind == "z":
            return reader.zigzag()
        value = reader.varint()
        return (signed(value) if kind == "i" else
                bool(value) if kind == "?" else value)
    data = reader.prefixed()
    if kind == "s":
        return data.decode()
    return data if kind == "y" else decode(kind, data)


def decode(message, data):
    """A dict of all fields; messages that are not there are None."""
    fields = {number: (name, kind, many)
              for name, number, kind, many in _SCHEMA[message]}
    found = {name: [] if many else _DEFAULTS.get(kind)
             for name, kind, many in fields.values()}
    reader = Reader(data)
    while reader.more():
        key = reader.varint()
        number, wire_type = key >> 3, key & 7
        # Fields of other releases are passed over.
        name, kind, many = fields.get(number, (None, "y", False))
        if name is None and wire_type == 5:
            reader.take(4)
            continue
        value = _value(kind if name or wire_type == 2 else "u", wire_type,
                       reader)
        if name is None:
            continue
        if many:
            found[name] += value if isinstance(value, list) else [value]
        else:
            found[name] = value
    return found


def unknown_fields():
    """What a later release may send in any message."""
    return (varint(500 << 3) + varint(7) + varint(501 << 3 | 1) + bytes(8) +
            varint(502 << 3 | 2) + prefixed(b"later") +
            varint(503 << 3 | 5) + bytes(4))
