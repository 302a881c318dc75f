"""An insert and a select node of release 0.1, as far as they call storage
nodes. FROZEN: release_0_1_wire.py."""

import time

from tests.support import release_0_1_columns as columns
from tests.support import release_0_1_rows as rows_of
from tests.support import release_0_1_wire as wire
from tests.support.release_0_1_messages import decode, encode
from tests.support.release_0_1_rows import Rows, bits_of

NUMERIC = (0, 0)   # a tenant
DAY_MS = 86_400_000


def now_ms():
    return int(time.time() * 1000) // 1000 * 1000


def bits(samples):
    return [(ms, bits_of(float(value))) for ms, value in samples]


def without(*names):
    """All features but these."""
    features = wire.ALL_FEATURES
    for name in names:
        features &= ~wire.FEATURES[name]
    return features


class OldInsert:
    """An insert node of the release, which writes to all of `storages`."""

    def __init__(self, storages, ring=None):
        """`ring`: of other insert nodes, who have put it."""
        self.clients = {storage: wire.Client(storage.insert_address, "insert")
                        for storage in storages}
        self.ring = ring or rows_of.ring_of(
            [(client.hello["node_id"], storage.insert_address)
             for storage, client in self.clients.items()],
            len(storages), now_ms())
        for client in self.clients.values() if ring is None else ():
            client.call("PUTRING", "Ring", **self.ring)

    def close(self):
        for client in self.clients.values():
            client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @staticmethod
    def series(labels, tenant):
        return [{"tenant": {"kind": tenant[0], "id": tenant[1]},
                 "labels": rows_of.canonical(one), "rows": 1}
                for one in labels]

    def write(self, storage, labels, make_rows, tenant=NUMERIC,
              ack=rows_of.ACK_DURABLE, packed=False):
        """make_rows(refs) -> Rows of the series with `labels`; the Ack."""
        client = self.clients[storage]
        defined = client.call("DEFINE", "DefineRequest", "DefineResponse",
                              series=self.series(labels, tenant))
        record = rows_of.encode_record(self.ring["ring_id"], now_ms(), {
            tenant: make_rows(defined["refs"])})
        answer = client.ask("DATA", rows_of.encode_frame(
            record, defined["ref_epoch"], ack, packed))
        return decode("Ack", answer[0])

    def hint(self, holder, owner, labels, make_rows, tenant=NUMERIC):
        """Rows for `owner`, a node id; the log they are in."""
        client = self.clients[holder]
        defined = client.call(
            "HINTDEFINE", "HintDefineRequest", "HintDefineResponse",
            owner=owner, series=self.series(labels, tenant))
        record = rows_of.encode_record(self.ring["ring_id"], now_ms(), {
            tenant: make_rows(defined["refs"])})
        answer = client.ask(
            "HINTDATA", owner.to_bytes(8, "little") + rows_of.encode_frame(
                record, defined["hint_log"], packed=True))
        assert not decode("HintAck", answer[0])["redefine"]
        return defined["hint_log"]


def floats(samples):
    """make_rows of the same samples for each series."""
    return lambda refs: Rows(floats=[
        (ref, ms, bits_of(value)) for ref in refs for ms, value in samples])


def search(reader, names, start=0, end=None, **more):
    """([Series by labels], Coverage) of series whose name matches."""
    request = {
        "start_ms": start, "end_ms": end or now_ms() + DAY_MS,
        "groups": [{"matchers": [{"type": 2, "name": b"__name__",
                                  "value": names.encode()}]}],
        "all_kinds": True, **more}
    answers = reader.ask("SEARCH", encode("SearchRequest",
                                          reader.unknown, **request))
    found = []
    for answer in answers[:-1]:
        kind, some = columns.read_batch(answer)
        assert kind != columns.KIND_END
        found += some
    kind, end_bytes = columns.read_batch(answers[-1])
    assert kind == columns.KIND_END
    return sorted(found, key=lambda s: s.labels), decode("Coverage", end_bytes)
