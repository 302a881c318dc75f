"""Tenants by name (X-Scope-OrgID) and by labels, through real clients."""

import random
import socket
import tempfile
import time
import unittest

from tests.support import http_client, remote_write
from tests.support.agent import Agent
from tests.support.cluster import Cluster, wait_healthy
from tests.support.processes import peer, wait_until


def push(address, org, series=(), metadata=(), path="/api/v1/push"):
    body = remote_write.snappy(
        remote_write.write_request(series) +
        b"".join(remote_write.metadata(*one) for one in metadata))
    headers = {"Content-Encoding": "snappy",
               "Content-Type": "application/x-protobuf"}
    if org is not None:
        headers["X-Scope-OrgID"] = org
    return http_client.request(address, "POST", path, body, headers)


def read(address, org, path, arguments=None, method="GET", base="/prometheus"):
    """The answer of one of Mimir's paths, as its users ask for it."""
    query = "&".join(
        f"{name}={http_client.urllib.parse.quote(str(value))}"
        for name, value in (arguments or {}).items())
    headers = {} if org is None else {"X-Scope-OrgID": org}
    return http_client.request(address, method, f"{base}/{path}?{query}",
                               headers=headers)


def values(address, org, query, at=None, base="/prometheus"):
    """{labels as sorted pairs: value} of an instant query."""
    arguments = {"query": query}
    if at is not None:
        arguments["time"] = at
    answer = read(address, org, "api/v1/query", arguments, base=base).json()
    if answer["status"] != "success" or answer["isPartial"]:
        raise AssertionError(answer)
    return {tuple(sorted(one["metric"].items())): float(one["value"][1])
            for one in answer["data"]["result"]}


def up(job, value, at_ms):
    return ({"__name__": "up", "job": job}, [(at_ms, value)])


class NamedTenantTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(
            storages=2, replication_factor=2,
            select_args=["-search.queryStats.minQueryDuration=0"])
        cls.addClassCleanup(cls.cluster.close)
        cls.now = int(time.time())
        at_ms = cls.now * 1000 - 1000
        for org, value in (("tenant-a", 1), ("infra", 2), ("7", 4)):
            answer = push(cls.cluster.insert, org, [up("x", value, at_ms)])
            assert answer.status == 204, answer.text

    def test_each_sees_its_own(self):
        select = self.cluster.select
        for org, value in (("tenant-a", 1), ("infra", 2), ("7", 4)):
            self.assertEqual(
                values(select, org, "up", self.now),
                {(("__name__", "up"), ("job", "x")): value})
        self.assertEqual(values(select, "nobody", "up", self.now), {})
        self.assertEqual(values(select, None, "up", self.now), {})
        # A number is the account of the path; a name has no path.
        self.assertEqual(
            len(self.cluster.query("up", self.now, "7")["data"]["result"]), 1)
        for part in ("tenant-a", "infra", "name%23"):
            self.assertEqual(http_client.get(
                select, f"/select/{part}/prometheus/api/v1/query",
                {"query": "up"}).status, 400)

    def test_several_are_told_apart(self):
        select = self.cluster.select
        both = {(("__name__", "up"), ("__tenant_id__", "infra"),
                 ("job", "x")): 2,
                (("__name__", "up"), ("__tenant_id__", "tenant-a"),
                 ("job", "x")): 1}
        for org in ("tenant-a|infra", "infra|tenant-a|infra|nobody"):
            for base in ("/prometheus", "/select/prometheus"):
                self.assertEqual(
                    values(select, org, "up", self.now, base), both)
        self.assertEqual(
            values(select, "tenant-a|infra|7",
                   'sum(up{__tenant_id__=~"infra|7"})', self.now), {(): 6})
        self.assertEqual(
            values(select, "tenant-a|infra", "sum(up)", self.now), {(): 3})
        names = read(select, "7|infra", "api/v1/label/__tenant_id__/values")
        self.assertEqual(names.json()["data"], ["7", "infra"])
        pruned = read(select, "7|infra", "api/v1/series",
                      {"match[]": 'up{__tenant_id__="7"}'}).json()["data"]
        self.assertEqual(pruned, [{"__name__": "up", "__tenant_id__": "7",
                                   "job": "x"}])
        ranged = read(select, "7|infra", "api/v1/query_range", {
            "query": "sum by (__tenant_id__) (up)", "start": self.now,
            "end": self.now, "step": 15}).json()["data"]["result"]
        self.assertEqual([one["metric"] for one in ranged],
                         [{"__tenant_id__": "7"}, {"__tenant_id__": "infra"}])

    def test_the_other_endpoints_of_the_prefix(self):
        select = self.cluster.select
        self.assertEqual(
            read(select, "infra", "api/v1/labels").json()["data"],
            ["__name__", "job"])
        self.assertEqual(
            read(select, "infra", "api/v1/label/job/values").json()["data"],
            ["x"])
        self.assertEqual(
            read(select, "infra", "api/v1/format_query",
                 {"query": "sum( up )"}).json()["data"], "sum(up)")
        info = read(select, None, "api/v1/status/buildinfo").json()
        self.assertEqual(info["status"], "success")
        listed = http_client.get(select, "/admin/tenants").json()
        self.assertIn("7:0", listed["data"])
        self.assertFalse(set(listed["data"]) & {"infra", "tenant-a"})
        self.assertLessEqual({"infra", "tenant-a"}, set(listed["names"]))
        everywhere = self.cluster.query(
            'up{job="x"}', self.now, "multitenant")["data"]["result"]
        tenants = {one["metric"].get("__tenant_id__") or
                   one["metric"]["vm_account_id"] for one in everywhere}
        self.assertLessEqual({"infra", "tenant-a", "7"}, tenants)

    def test_metadata_is_by_tenant(self):
        answer = push(self.cluster.insert, "with-metadata",
                      metadata=[("up", 2, "is it up", "")])
        self.assertEqual(answer.status, 204, answer.text)
        def told(org):
            return read(self.cluster.select, org,
                        "api/v1/metadata").json()["data"]
        self.assertIn("up", told("with-metadata"))
        self.assertEqual(told("infra"), {})
        self.assertIn("up", told("infra|with-metadata"))

    def test_metrics_and_status_name_them(self):
        values(self.cluster.select, "tenant-a", "up", self.now)
        self.assertGreaterEqual(http_client.metric(
            self.cluster.insert,
            'vm_tenant_inserted_rows_total{tenant="tenant-a"}'), 1)
        self.assertGreaterEqual(http_client.metric(
            self.cluster.select,
            'vm_tenant_select_requests_total{tenant="tenant-a"}'), 1)
        self.assertEqual(http_client.metric(
            self.cluster.storages[0].http,
            "varve_tenant_name_collisions_total"), 0)
        # A query is counted after its answer.
        wait_until(
            lambda: '"tenant":"tenant-a"' in http_client.get(
                self.cluster.select, "/api/v1/status/top_queries").text,
            5, "the query of tenant-a among the top ones")

    def test_a_delete_is_of_the_header_s_tenant(self):
        at_ms = self.now * 1000 - 1000
        for org in ("gone", "stays"):
            push(self.cluster.insert, org, [up("x", 1, at_ms)])
        refused = read(self.cluster.select, "gone|stays",
                       "api/v1/admin/tsdb/delete_series", {"match[]": "up"},
                       "POST")
        self.assertEqual(refused.status, 400)
        answer = read(self.cluster.select, "gone",
                      "api/v1/admin/tsdb/delete_series", {"match[]": "up"},
                      "POST", base="/delete/prometheus")
        self.assertEqual(answer.status, 204, answer.text)
        self.assertEqual(values(self.cluster.select, "gone", "up", self.now),
                         {})
        self.assertEqual(
            len(values(self.cluster.select, "stays", "up", self.now)), 1)
        # Its name is still its own.
        push(self.cluster.insert, "gone", [up("x", 3, at_ms)])
        self.assertEqual(
            list(values(self.cluster.select, "gone", "up",
                        self.now).values()), [3])

    def raw(self, address, path, value):
        """The status of a request with any bytes as its tenant."""
        host, port = address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), 20) as connection:
            try:
                connection.sendall(
                    b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n"
                    b"X-Scope-OrgID: " + value + b"\r\nContent-Length: 0\r\n"
                    b"Connection: close\r\n\r\n")
                return int(connection.recv(64).split(b" ", 2)[1])
            except (ConnectionError, IndexError):
                return 0   # closed on the way

    def test_no_bytes_of_a_header_make_a_tenant_that_is_none(self):
        seed = 20261122
        source = random.Random(seed)
        bad = [b"a" * 151, b"a" * (1 << 20), b"..", b".", b"a\x00b", b"\x7f",
               b"\x01", "\u00e4".encode(), b"\xff\xfe", b"007", b"1:2",
               b"4294967296", b"a/b", b"{}", b"a||b"]
        for _ in range(200):
            value = bytes(source.randrange(256)
                          for _ in range(source.randrange(1, 60)))
            value = value.replace(b"\n", b"").replace(b"\r", b"") + b"\x80"
            bad.append(value)
        before = http_client.get(self.cluster.select,
                                 "/admin/tenants").json()["names"]
        for value in bad:
            for address, path in (
                    (self.cluster.insert, b"/api/v1/push"),
                    (self.cluster.select, b"/prometheus/api/v1/labels")):
                status = self.raw(address, path, value)
                self.assertIn(status, (0, 400, 413, 431),
                              (seed, value[:80], path))
        self.assertEqual(http_client.get(
            self.cluster.select, "/admin/tenants").json()["names"], before)
        self.assertEqual(push(self.cluster.insert, "(it's!)-_.*",
                              [up("x", 1, self.now * 1000)]).status, 204)


class RequiredTenantTest(unittest.TestCase):

    def test_flags_say_what_a_request_without_a_tenant_is(self):
        with Cluster(storages=1,
                     insert_args=["-mimir.requireOrgID"]) as strict:
            sample = [up("x", 1, int(time.time() * 1000))]
            refused = push(strict.insert, None, sample)
            self.assertEqual((refused.status, refused.text),
                             (401, "no org id\n"))
            self.assertEqual(push(strict.insert, "a", sample).status, 204)
            deaf = strict.add_insert(
                args=["-enableMultitenancyViaHeaders=false",
                      "-mimir.requireOrgID=false"])
            self.assertEqual(push(deaf, "b", sample).status, 204)
            self.assertEqual(
                len(strict.query("up", time.time())["data"]["result"]), 1)
            self.assertEqual(values(strict.select, "b", "up"), {})
            ignoring = strict.add_select(
                args=["-enableMultitenancyViaHeaders=false"])
            self.assertEqual(len(values(ignoring, "nobody", "up")), 1)


@unittest.skipUnless(peer("vmagent"), "skipped: no vmagent")
class AgentTenantTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="varve-tenants-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.cluster = Cluster(storages=3, replication_factor=2,
                               select_args=["-dedup.minScrapeInterval=1ms"])
        self.addCleanup(self.cluster.close)

    def agent(self, *args, **kwargs):
        agent = Agent(self.folder, *args, **kwargs)
        self.addCleanup(agent.stop)
        return agent

    def one(self, org, query):
        return list(values(self.cluster.select, org, query).values())

    def see(self, what):
        expected = {(("__tenant_id__", "infra"), ("job", "infra")): 1,
                    (("__tenant_id__", "tenant-a"), ("job", "tenant-a")): 3}
        def settled():
            try:
                return (self.one("tenant-a", "count(up)") == [3] and
                        self.one("infra", "count(up)") == [1] and
                        values(self.cluster.select, "tenant-a|infra",
                               "count by (__tenant_id__, job) (up)") ==
                        expected)
            except (AssertionError, OSError):   # nodes are just starting
                return False
        wait_until(settled, 30, what)
        self.assertEqual(values(self.cluster.select, None, "up"), {})

    def test_two_agents_are_two_tenants_over_restarts_and_a_lost_node(self):
        storages = self.cluster.storages
        targets = {"tenant-a": [one.http for one in storages],
                   "infra": [self.cluster.select]}
        for name, scraped in targets.items():
            self.agent(name, scraped,
                       [f"{self.cluster.insert}/api/v1/push"],
                       [f"-remoteWrite.headers=X-Scope-OrgID: {name}"])
        self.see("scrapes of two tenants")
        process, address = self.cluster.inserts.pop()
        process.stop()
        for storage in storages:
            storage.process.stop()
            storage.start()
        self.cluster.add_insert(args=[f"-httpListenAddr={address}"])
        process, address = self.cluster.selects.pop()
        process.stop()
        self.cluster.add_select(args=[f"-httpListenAddr={address}"])
        listed = http_client.get(self.cluster.select, "/admin/tenants").json()
        self.assertEqual(listed["names"], ["infra", "tenant-a"])
        self.see("scrapes after a restart of everything")
        storages[0].process.kill()
        # Its own scrape fails, up is 0 then, and is still counted.
        self.see("scrapes without a storage node")
        storages[0].start()
        self.see("scrapes with the node back")

    def test_labels_of_an_agent_say_whose_its_series_are(self):
        for account, targets in (
                ("5", [one.http for one in self.cluster.storages]),
                ("6", [self.cluster.select])):
            self.agent(
                f"agent-{account}", targets,
                [f"{self.cluster.insert}/insert/multitenant/prometheus/"
                 "api/v1/write"],
                labels={"vm_account_id": account, "vm_project_id": "9"})
        def count(tenant):
            found = self.cluster.query("count(up)", time.time(),
                                       tenant)["data"]["result"]
            return float(found[0]["value"][1]) if found else 0
        wait_until(lambda: (count("5:9"), count("6:9")) == (3, 1), 30,
                   "scrapes of two accounts")
        self.assertEqual(count("0"), 0)
        labels = http_client.get(
            self.cluster.select,
            "/select/5:9/prometheus/api/v1/labels").json()["data"]
        self.assertNotIn("vm_account_id", labels)
        self.assertGreater(http_client.metric(
            self.cluster.insert, 'vm_tenant_inserted_rows_total{accountID="5",'
            'projectID="9"}'), 0)

    def test_an_agent_of_many_tenants_keeps_their_metadata_apart(self):
        agent = self.agent(
            "many", [], [f"{self.cluster.insert}/insert/multitenant/"
                         "prometheus/api/v1/write"],
            ["-enableMultitenantHandlers", "-enableMetadata"]).address
        wait_healthy(agent, 20)
        tenants = {"5:1": "counter", "6:2": "gauge", "7:0": "counter"}
        for tenant, kind in tenants.items():
            answer = http_client.request(
                agent, "POST",
                f"/insert/{tenant}/prometheus/api/v1/import/prometheus",
                f"# HELP shared of {tenant}\n# TYPE shared {kind}\n"
                f"shared {tenant[0]}\n")
            self.assertEqual(answer.status, 204, answer.text)

        def metadata(tenant):
            told = http_client.get(
                self.cluster.select,
                f"/select/{tenant}/prometheus/api/v1/metadata").json()["data"]
            return [(one["type"], one["help"])
                    for one in told.get("shared", [])]

        def value(tenant):
            found = self.cluster.query("shared", time.time(),
                                       tenant)["data"]["result"]
            return [one["value"][1] for one in found]
        for tenant, kind in tenants.items():
            wait_until(lambda: value(tenant) == [tenant[0]], 30, tenant)
            wait_until(lambda: metadata(tenant), 30, f"metadata of {tenant}")
            self.assertEqual(metadata(tenant), [(kind, f"of {tenant}")])
        for other in ("0", "5:0", "6:0"):
            self.assertEqual((value(other), metadata(other)), ([], []))


if __name__ == "__main__":
    unittest.main()
