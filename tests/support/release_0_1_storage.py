"""A storage node of release 0.1, in memory. FROZEN: release_0_1_wire.py.

With fewer `features` it is a node of the time before them: it does not know
their methods, sections and codings. With `unknown` its messages have fields of
a later release. It writes what any reader takes: no column is made small.
"""

import collections
import socket
import struct
import threading
import time

from tests.support import release_0_1_rows as rows_of
from tests.support import release_0_1_wire as wire
from tests.support.release_0_1_bytes import xxh3_64
from tests.support.release_0_1_messages import decode, encode
from tests.support.release_0_1_reads import Reads, Stored

UNKNOWN, PENDING, DONE = range(3)   # of hint logs
FEATURE_OF = {
    "MISSED": "missed", "DELETE": "delete", "COVERAGE": "rollup",
    "ROLLUP": "rollup", "TENANTNAMES": "names", "HINTDEFINE": "hints",
    "HINTDATA": "hints", "HINTSTATUS": "hints", "HINTREPLAY": "hints",
    "DIGEST": "digests"}
ON_BOTH = {"PING", "SEARCH", "TENANTS", "DIGEST", "GETRINGS"}
ON_INSERT = ON_BOTH | {
    "DEFINE", "DATA", "MISSED", "PUTRING", "TENANTNAMES", "HINTDEFINE",
    "HINTDATA", "HINTSTATUS", "HINTREPLAY"}
ON_SELECT = ON_BOTH | {
    "LABELS", "CARDINALITY", "METADATA", "HISTORY", "COVERAGE", "ROLLUP",
    "NAMEUSAGE", "DELETE"}
NAME_OF = {number: name for name, number in wire.METHODS.items()}


class HintLog:
    """Rows for an owner that is down."""

    def __init__(self, number):
        self.number = number
        self.series = []    # (tenant, labels) by ref
        self.records = []   # (ring, accept_ms, {tenant: Rows})


class StorageNode(Reads):

    def __init__(self, node_id, features=wire.ALL_FEATURES,
                 version=wire.VERSION, storage_rules=0, unknown=b""):
        self.node_id = node_id
        self.features = features
        self.version = version
        self.storage_rules = storage_rules
        self.unknown = unknown
        self.ref_epoch = xxh3_64(struct.pack("<Q", node_id))
        self.calls = collections.Counter()   # by method
        self.errors = []
        self.greetings = []                  # of clients
        self.refs = {}     # (tenant, labels): ref
        self.series = {}   # ref: Stored
        self.metadata = {}  # (tenant, metric): (type, help, unit, ms)
        self.rings = {}
        self.missed = []
        self.names = {}
        self.hints = {}       # owner: HintLog
        self.hints_done = set()
        self.changes = 0
        self._coverage_version = int(time.time() * 1e6)
        self._lock = threading.RLock()
        self._sockets = set()
        self.insert_address = self.select_address = "127.0.0.1:0"
        self.start()

    # The connections.

    def start(self):
        """Again on its ports, with what it has in memory."""
        self._listeners = []
        self.insert_address = self._listen(self.insert_address, ON_INSERT)
        self.select_address = self._listen(self.select_address, ON_SELECT)

    def stop(self):
        with self._lock:
            sockets = list(self._sockets) + self._listeners
            self._listeners = []
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass   # the other side was first
            one.close()

    def _listen(self, address, methods):
        host, port = address.rsplit(":", 1)
        listener = socket.create_server((host, int(port)))
        self._listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener, methods),
                         daemon=True).start()
        return "127.0.0.1:%d" % listener.getsockname()[1]

    def _accept(self, listener, methods):
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                open_ = listener in self._listeners
                if open_:
                    self._sockets.add(accepted)
            if not open_:
                accepted.close()
                return
            threading.Thread(target=self._serve, args=(accepted, methods),
                             daemon=True).start()

    def _serve(self, accepted, methods):
        try:
            self._talk(wire.Connection(accepted), methods)
        except OSError:
            pass   # the client has gone
        finally:
            with self._lock:
                self._sockets.discard(accepted)
            accepted.close()

    def _talk(self, connection, methods):
        kind, _, _, payload = connection.receive()
        greeting = decode("Hello", payload)
        if kind != wire.HELLO or greeting["version"] < 1:
            return
        self.greetings.append(greeting)
        connection.send(wire.HELLO, self._encode(
            "Hello", version=self.version, role="storage",
            node_id=self.node_id, ref_epoch=self.ref_epoch,
            features=self.features))
        while True:
            kind, method, call, payload = connection.receive()
            if kind == wire.PING:
                connection.send(wire.PONG, payload, call=call)
            if kind != wire.REQUEST:
                continue
            code, text, answers = wire.OK, "", []
            try:
                with self._lock:
                    answers = self._handle(method, payload, methods)
            except wire.CallError as error:
                code, text = error.code, error.text
            except Exception as error:   # for the test to see
                code, text = wire.INVALID_ARGUMENT, repr(error)
                self.errors.append(f"{NAME_OF.get(method, method)}: {text}")
            for answer in answers:
                connection.send(wire.ANSWER, answer, method, call)
            connection.send(wire.END, wire.status(code, text), method, call)

    def _handle(self, number, payload, methods):
        name = NAME_OF.get(number)
        self.calls[name or number] += 1
        feature = FEATURE_OF.get(name)
        if name not in methods or (feature and not self.has(feature)):
            raise wire.CallError(wire.UNIMPLEMENTED, f"method {number}")
        answer = getattr(self, "_" + name.lower())(payload)
        return answer if isinstance(answer, list) else [answer]

    def has(self, feature):
        return self.features & wire.FEATURES[feature] != 0

    def _encode(self, message, **values):
        return encode(message, self.unknown, **values)

    def _coverage_changed(self):
        self._coverage_version += 1

    # The port for insert.

    def _ping(self, _):
        return b""

    def _define(self, payload):
        refs = []
        for one in decode("DefineRequest", payload)["series"]:
            key = ((one["tenant"] or {}).get("kind", 0),
                   (one["tenant"] or {}).get("id", 0)), one["labels"]
            ref = self.refs.setdefault(key, len(self.refs) + 1)
            self.series.setdefault(ref, Stored(*key))
            refs.append(ref)
        return self._encode("DefineResponse", ref_epoch=self.ref_epoch,
                            refs=refs)

    def _frame(self, payload):
        kinds = {kind for kind, name in enumerate(rows_of.KIND_FEATURES)
                 if self.has(name)}
        _, epoch, record = rows_of.decode_frame(payload, self.has("lz4"))
        return epoch, *rows_of.decode_record(record, kinds)

    def _data(self, payload):
        epoch, ring, accept_ms, tenants = self._frame(payload)
        every = [rows for rows in tenants.values()]
        unknown = any(row[0] not in self.series for rows in every
                      for part in (rows.floats, rows.histograms,
                                   rows.exemplars, rows.starts)
                      for row in part)
        if epoch != self.ref_epoch or unknown:
            return self._encode("Ack", redefine=True,
                                coverage_version=self._coverage_version)
        if ring not in self.rings:
            self.rings[ring] = {"ring_id": ring}
            self._coverage_changed()
        self.changes += 1
        for tenant, rows in tenants.items():
            self._store(tenant, rows, accept_ms)
        return self._encode("Ack", rows=sum(rows.count() for rows in every),
                            coverage_version=self._coverage_version)

    _hintreplay = _data

    def _store(self, tenant, rows, accept_ms):
        for ref, ms, bits in rows.floats:
            self.series[ref].floats.setdefault(ms, set()).add(bits)
        for ref, ms, data in rows.histograms:
            self.series[ref].histograms.setdefault(ms, set()).add(data)
        for ref, *one in rows.exemplars:
            self.series[ref].exemplars.add(tuple(one))
        for ref, *one in rows.starts:
            if tuple(one) not in self.series[ref].starts:
                self.series[ref].starts.append(tuple(one))
        for kind, metric, help_, unit in rows.metadata:
            self.metadata[tenant, metric] = (kind, help_, unit, accept_ms)

    def _missed(self, payload):
        self.missed.append(decode("Missed", payload))
        self._coverage_changed()
        return self._encode("Ack", coverage_version=self._coverage_version)

    def _putring(self, payload):
        ring = decode("Ring", payload)
        kept = self.rings.get(ring["ring_id"], {})
        if kept.get("members") != ring["members"]:
            self._coverage_changed()
        for name, choose in (("first_ms", min), ("last_ms", max)):
            ring[name] = choose(ring[name], kept.get(name, ring[name]))
        self.rings[ring["ring_id"]] = ring
        return b""

    def _getrings(self, _):
        return self._encode("RingList", rings=list(self.rings.values()))

    def _tenantnames(self, payload):
        refused = [self.names.setdefault(one["id"], one["name"]) !=
                   one["name"]
                   for one in decode("TenantNames", payload)["tenants"]]
        return self._encode("TenantNamesResponse", refused=refused)

    def _hintdefine(self, payload):
        request = decode("HintDefineRequest", payload)
        number = xxh3_64(f"{self.node_id}/{time.time_ns()}".encode())
        log = self.hints.setdefault(request["owner"], HintLog(number))
        refs = []
        for one in request["series"]:
            key = (((one["tenant"] or {}).get("kind", 0),
                    (one["tenant"] or {}).get("id", 0)), one["labels"])
            if key not in log.series:
                log.series.append(key)
            refs.append(log.series.index(key))
        return self._encode("HintDefineResponse", hint_log=log.number,
                            refs=refs)

    def _hintdata(self, payload):
        owner = struct.unpack_from("<Q", payload)[0]
        epoch, ring, accept_ms, tenants = self._frame(payload[8:])
        log = self.hints.get(owner)
        taken = log is not None and log.number == epoch
        if taken:
            log.records.append((ring, accept_ms, tenants))
        return self._encode("HintAck", redefine=not taken)

    def _hintstatus(self, payload):
        states = []
        for one in decode("HintStatusRequest", payload)["logs"]:
            log = self.hints.get(one["owner"])
            states.append(DONE if one["hint_log"] in self.hints_done else
                          PENDING if log and log.number == one["hint_log"]
                          else UNKNOWN)
        return self._encode("HintStatusResponse", states=states)

    def replay_hints(self, owner, address):
        """Hands them over to the owner, who is back at `address`."""
        with self._lock:
            log = self.hints.pop(owner)
            rings = [ring for ring in self.rings.values()
                     if ring.get("members")]
        with wire.Client(address, "storage", self.version, self.features,
                         self.unknown) as client:
            for ring in rings:
                client.call("PUTRING", "Ring", **ring)
            told = client.call(
                "DEFINE", "DefineRequest", "DefineResponse", series=[
                    {"tenant": {"kind": tenant[0], "id": tenant[1]},
                     "labels": labels} for tenant, labels in log.series])
            for ring, accept_ms, tenants in log.records:
                for rows in tenants.values():
                    for name in ("floats", "histograms", "exemplars",
                                 "starts"):
                        setattr(rows, name, [
                            (told["refs"][ref], *rest)
                            for ref, *rest in getattr(rows, name)])
                record = rows_of.encode_record(ring, accept_ms, tenants)
                self._replay(client, record, told["ref_epoch"],
                             rows_of.ACK_WRITTEN)
            if log.records:   # its fsync is of all of them
                self._replay(client,
                             rows_of.encode_record(ring, accept_ms, {}),
                             told["ref_epoch"], rows_of.ACK_DURABLE)
        with self._lock:
            self.hints_done.add(log.number)
            self._strike({log.number})

    def strike_missed(self, addresses):
        """Asks the holders of hints, by node id, which of these are handed
        over, and forgets what their owners lacked."""
        with self._lock:
            logs = {(one["hint_holder"], one["owner"], one["hint_log"])
                    for one in self.missed if one["hint_log"]}
        done = set()
        for holder, owner, log in logs:
            if holder not in addresses:
                continue
            with wire.Client(addresses[holder], "storage", self.version,
                             self.features, self.unknown) as client:
                told = client.call(
                    "HINTSTATUS", "HintStatusRequest", "HintStatusResponse",
                    logs=[{"owner": owner, "hint_log": log}])
            if told["states"] == [DONE]:
                done.add(log)
        with self._lock:
            self._strike(done)

    def _strike(self, logs):
        kept = [one for one in self.missed if one["hint_log"] not in logs]
        if len(kept) != len(self.missed):
            self.missed = kept
            self._coverage_changed()

    @staticmethod
    def _replay(client, record, epoch, ack):
        answer = client.ask("HINTREPLAY",
                            rows_of.encode_frame(record, epoch, ack, True))
        assert not decode("Ack", answer[0])["redefine"]
