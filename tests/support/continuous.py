"""A writer and a reader that go on while a test troubles the cluster, and the
judgement of what is read back.

The writer sends a sample of each series a step, to the insert nodes in turn,
and tries a step again at the next one until it is acknowledged, as agents do.
Of every answer the judge wants that
  - each sample in it was sent, with this value, and stands there once;
  - each sample acknowledged before the question is there, or the answer says
    that it is partial.
"""

import http.client
import itertools
import random
import threading
import time

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import wait_until

SERIES = 10
PATIENCE_SECONDS = 60
# A link that swallows bytes holds its connection until that is given up
# after 30 s of silence; then hints are tried again after up to 30 s.
MADE_UP_SECONDS = 150


def value_of(step, series):
    return step * 1000.0 + series


class Continuous:
    """Calls _turn(1), _turn(2), … until close(), in a thread of its own."""

    def __init__(self):
        """The last step of a subclass: the thread begins."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._stop.set()
        self._thread.join()

    def _run(self):
        for number in itertools.count(1):
            if self._stop.is_set():
                return
            self._turn(number)
            self._stop.wait(0.05)

    def _turn(self, number):
        raise NotImplementedError


class ContinuousWriter(Continuous):
    """Writes from its making until close(). Each has a metric of its own."""

    _numbers = itertools.count()

    def __init__(self, cluster, tenant="0", clock=time.time):
        """`clock`: seconds; may jump, and no time is sent twice."""
        self.metric = f"continuous_{next(self._numbers)}"
        self.cluster = cluster
        self.tenant = tenant
        self.clock = clock
        self.failures = []   # what was answered instead of 204
        self._lock = threading.Lock()
        self._sent = {}          # ms: step
        self._acknowledged = {}
        super().__init__()

    def sent(self):
        with self._lock:
            return dict(self._sent)

    def acknowledged(self):
        with self._lock:
            return dict(self._acknowledged)

    def wait_progress(self, steps=10):
        goal = len(self.acknowledged()) + steps
        wait_until(lambda: len(self.acknowledged()) >= goal, PATIENCE_SECONDS,
                   f"{steps} more writes; failed: {self.failures[-3:]}")

    def _series(self, step, at_ms):
        return [({"__name__": self.metric, "series": str(i)},
                 [(at_ms, value_of(step, i))]) for i in range(SERIES)]

    def _turn(self, number):
        at_ms = int(self.clock() * 1000)
        while at_ms in self._sent:
            at_ms += 1
        with self._lock:
            self._sent[at_ms] = number
        if self._write(number, self._series(number, at_ms)):
            with self._lock:
                self._acknowledged[at_ms] = number

    def _write(self, first, series):
        """Until it is acknowledged; False: the writer is to end."""
        for attempt in itertools.count(first):
            inserts = [address for _, address in self.cluster.inserts]
            try:
                answer = self.cluster.write(
                    series, self.tenant, insert=inserts[attempt % len(inserts)],
                    seconds=15)
                if answer.status == 204:
                    return True
                self.failures.append(f"{answer.status} {answer.text}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
            if self._stop.wait(0.02):
                return False


class Judgement:
    """Of one answer."""

    def __init__(self, writer, acknowledged, answer):
        """`acknowledged`: times that are to be there."""
        self.partial = answer["isPartial"]
        self.warnings = answer.get("warnings", [])
        sent = writer.sent()
        self.lost = {(series, at_ms) for series in range(SERIES)
                     for at_ms in acknowledged}
        self.invented, self.repeated = [], []
        for one in answer["data"]["result"]:
            series = int(one["metric"]["series"])
            seen = set()
            for at, text in one["values"]:
                at_ms = round(at * 1000)
                if at_ms in seen:
                    self.repeated.append((series, at_ms))
                seen.add(at_ms)
                self.lost.discard((series, at_ms))
                if (at_ms not in sent or
                        float(text) != value_of(sent[at_ms], series)):
                    self.invented.append((series, at_ms, text))

    def problems(self):
        found = []
        if self.lost and not self.partial:
            found.append(f"{len(self.lost)} lost, not said: "
                         f"{sorted(self.lost)[:5]}")
        if self.repeated:
            found.append(f"{len(self.repeated)} twice: {self.repeated[:5]}")
        if self.invented:
            found.append(f"{len(self.invented)} invented: "
                         f"{self.invented[:5]}")
        return found


def ask(writer, select, times_max=None):
    """The judgement of all that the writer wrote, or of as many times in a
    row; None: an error, which says nothing of the samples."""
    acknowledged = writer.acknowledged()
    times = sorted(writer.sent()) or [0]
    if times_max is not None and len(times) > times_max:
        begin = random.randrange(len(times) - times_max + 1)
        times = times[begin:begin + times_max]
    first, last = times[0], times[-1]
    try:
        answer = http_client.post_form(
            select, f"/select/{writer.tenant}/prometheus/api/v1/query",
            # The range is open at its beginning.
            {"query": f"{writer.metric}[{last - first + 1}ms]",
             "time": last / 1000, "nocache": 1}).json()
    except (OSError, http.client.HTTPException):
        return None
    if answer["status"] != "success":
        return None
    return Judgement(
        writer, {at_ms for at_ms in acknowledged if first <= at_ms <= last},
        answer)


class ContinuousReader(Continuous):
    """Asks the select nodes in turn for all that the writer wrote, and after an
    error the others."""

    def __init__(self, cluster, writer):
        self.cluster = cluster
        self.writer = writer
        self.problems = []
        self.whole = self.partial = self.errors = 0
        self.unanswered = 0   # when none of the select nodes did
        self.last_warnings = []   # of the last partial answer
        super().__init__()

    def wait_answers(self, count=3):
        """Asked from now on, by whatever select nodes there are."""
        goal = self.whole + self.partial + count + 1
        wait_until(lambda: self.whole + self.partial >= goal,
                   PATIENCE_SECONDS, f"{count} more answers")

    def _turn(self, number):
        found = self._ask(number)
        if found is None:
            self.unanswered += 1
            return
        self.problems += found.problems()
        if found.partial:
            self.partial += 1
            self.last_warnings = found.warnings
        else:
            self.whole += 1

    def _ask(self, turn):
        selects = [address for _, address in self.cluster.selects]
        for i in range(len(selects)):
            found = ask(self.writer, selects[(turn + i) % len(selects)], 300)
            if found is not None:
                return found
            self.errors += 1
        return None


def read_back(writer, select):
    """Everything acknowledged is there and the answer says so; else an
    AssertionError."""
    found = wait_until(lambda: ask(writer, select), PATIENCE_SECONDS,
                       f"an answer of {select}")
    problems = found.problems()
    if found.partial:
        problems.append(f"partial: {found.warnings}")
    if problems:
        raise AssertionError(f"{writer.metric}: " + "; ".join(problems))


def read_back_from_survivors(cluster, writer, factor=None):
    """read_back of each combination of nodes that is left when as many are
    gone as may be: the answers of what these nodes hold."""
    factor = factor or cluster.replication_factor
    left = len(cluster.storages) - (factor - 1)
    for nodes in itertools.combinations(cluster.storages, left):
        select = cluster.add_select(nodes, ["-replicationFactor=1"])
        try:
            read_back(writer, select)
        except AssertionError as error:
            raise AssertionError(
                f"storage {[node.index for node in nodes]} alone: "
                f"{error}") from error
        finally:
            process, _ = cluster.selects.pop()
            process.stop()


def _kept(storage):
    """What /metrics says that a node keeps for others, line by line."""
    return [line for line in
            http_client.get(storage.http, "/metrics").text.splitlines()
            if line.startswith(("varve_hints_bytes{", "varve_missed_records "))
            and not line.endswith(" 0")]


def wait_made_up(cluster: Cluster):
    """Until no node waits for copies: hints are handed over and their MISSED
    records struck out."""
    try:
        for storage in cluster.storages:
            wait_until(lambda s=storage: not _kept(s), MADE_UP_SECONDS,
                       f"storage {storage.index} waits for no copies")
    except AssertionError as error:
        kept = {one.index: _kept(one) for one in cluster.storages}
        raise AssertionError(f"{error}: {kept}") from error
