"""InfluxDB, Graphite and OpenTSDB clients: plain sockets and HTTP."""

import gzip
import json
import socket
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster, LOCAL
from tests.support.processes import wait_until

NOW = int(time.time()) - 60
GRAPHITE = r'started TCP Graphite server at "(.*:\d{1,5})"'
INFLUX = r'started TCP InfluxDB server at "(.*:\d{1,5})"'
OPENTSDB = r'started TCP OpenTSDB collector at "(.*:\d{1,5})"'
OPENTSDB_HTTP = r'started HTTP OpenTSDB server at "(.*:\d{1,5})"'
LISTENERS = [f"-{name}={LOCAL}" for name in (
    "graphiteListenAddr", "influxListenAddr", "opentsdbListenAddr",
    "opentsdbHTTPListenAddr")]


def address(cluster, pattern):
    host, port = cluster.inserts[0][0].wait_line(pattern).group(1).rsplit(
        ":", 1)
    return host, int(port)


def send_tcp(to, text):
    """Sends and closes at once, as `echo … | nc -N` does."""
    with socket.create_connection(to, timeout=20) as client:
        client.sendall(text.encode())


def send_udp(to, text):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(text.encode(), to)


def series(name, value=1, seconds=NOW, **labels):
    """One row of an export."""
    key = tuple(sorted({"__name__": name, **labels}.items()))
    return {key: [(seconds * 1000, value)]}


class LineProtocolsTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(storages=1, insert_args=LISTENERS)
        cls.addClassCleanup(cls.cluster.close)

    def metric(self, name):
        return http_client.metric(self.cluster.insert, name)

    def expect(self, match, expected, tenant="0"):
        wait_until(lambda: self.cluster.export(match, tenant) == expected, 20,
                   f"{match}: {expected}, not "
                   f"{self.cluster.export(match, tenant)}")

    def influx(self, body, path="influx/write", query="", tenant="0",
               headers=None):
        return http_client.request(
            self.cluster.insert, "POST", f"/insert/{tenant}/{path}{query}",
            body, headers)

    def test_influx_writes_are_read_back_by_field(self):
        answer = self.influx(
            f"disk\\ io,host=a,path=/mnt\\,x read=1,write=2i,ok=t,fs=\"ext4\" "
            f"{NOW}\n", query="?db=telegraf&precision=s", tenant="5:6")
        self.assertEqual(answer.status, 204)
        self.assertEqual(answer.headers["X-Influxdb-Version"], "1.8.0")
        labels = {"host": "a", "path": "/mnt,x", "db": "telegraf"}
        self.assertEqual(
            self.cluster.export('{__name__=~"disk io_.*"}', "5:6"),
            {**series("disk io_read", 1, **labels),
             **series("disk io_write", 2, **labels),
             **series("disk io_ok", 1, **labels)})
        self.assertEqual(self.cluster.export('{__name__=~"disk.*"}'), {})

    def test_influx_paths_precisions_and_encodings(self):
        cases = [("influx/write", "?precision=ns", NOW * 10**9, {}),
                 ("influx/api/v2/write", "?bucket=b&org=o&precision=ms",
                  NOW * 1000, {}),
                 ("influx/write", "", NOW * 10**6, {}),
                 ("influx/write", "?extra_label=case=3", NOW,
                  {"Content-Encoding": "gzip"})]
        for case, (path, query, when, headers) in enumerate(cases):
            body = f"paths,case={case} v=1 {when}".encode()
            if headers:
                body = gzip.compress(body)
            answer = self.influx(body, path, query, headers=headers)
            self.assertEqual(answer.status, 204, (path, query, answer.text))
            self.assertEqual(self.cluster.export(f'paths_v{{case="{case}"}}'),
                             series("paths_v", case=str(case)))
        # Mimir's path, with the tenant in a header.
        answer = http_client.request(
            self.cluster.insert, "POST", "/api/v1/push/influx/write",
            f"paths v=1 {NOW}", {"X-Scope-OrgID": "77"})
        self.assertEqual(answer.status, 204, answer.text)
        self.assertEqual(self.cluster.export("paths_v", "77"),
                         series("paths_v"))

    def test_influx_bad_lines_are_told_and_the_good_ones_stored(self):
        body = f"part,n=1 v=1 {NOW}\npart v=\npart,n=2 v=1 {NOW}\n"
        before = self.metric('vm_rows_invalid_total{type="influx"}')
        answer = self.influx(body)
        self.assertEqual(answer.status, 400)
        self.assertIn("partial write: 1 bad lines", answer.json()["error"])
        self.assertIn("line 2: ", answer.json()["error"])
        self.assertEqual(self.cluster.export("part_v"),
                         {**series("part_v", n="1"), **series("part_v", n="2")})
        self.assertEqual(self.influx(body, headers={"Stream-Mode": "1"}).status,
                         204)
        self.assertEqual(self.metric('vm_rows_invalid_total{type="influx"}'),
                         before + 2)

    def test_influx_clients_are_answered_before_they_write(self):
        answer = self.influx("", "influx/query", "?q=SHOW+DATABASES")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json()["results"][0]["series"][0]["values"],
                         [["_internal"]])
        self.assertEqual(self.influx("", "influx/health").json()["status"],
                         "pass")
        ping = http_client.get(self.cluster.insert, "/ping")
        self.assertEqual((ping.status, ping.headers["X-Influxdb-Version"]),
                         (204, "1.8.0"))
        self.assertEqual(
            http_client.get(self.cluster.insert, "/ping?verbose=true").status,
            200)

    def test_graphite_lines_are_counted_though_the_last_has_no_newline(self):
        name = 'vm_rows_inserted_total{type="graphite"}'
        before = self.metric(name)
        send_tcp(address(self.cluster, GRAPHITE),
                 f"g.tcp;host=a 1 {NOW}\ng.tcp;host=b 2.5 {NOW}\n"
                 f"g.now 3 -1\ng.tcp;host=c 4 {NOW}")
        wait_until(lambda: self.metric(name) == before + 4, 2,
                   "vm_rows_inserted_total grows by the lines")
        self.expect('{__name__="g.tcp"}',
                    {**series("g.tcp", 1, host="a"),
                     **series("g.tcp", 2.5, host="b"),
                     **series("g.tcp", 4, host="c")})
        [[(ms, _)]] = self.cluster.export('{__name__="g.now"}').values()
        self.assertEqual(ms % 1000, 0)
        self.assertLess(abs(ms / 1000 - time.time()), 60)

    def test_datagrams_are_taken_on_the_same_ports(self):
        send_udp(address(self.cluster, GRAPHITE), f"g.udp 1 {NOW}")
        send_udp(address(self.cluster, INFLUX), f"iudp v=1 {NOW}\n")
        send_udp(address(self.cluster, OPENTSDB), f"put o.udp {NOW} 1 a=b\n")
        self.expect('{__name__="g.udp"}', series("g.udp"))
        self.expect("iudp_v", series("iudp_v"))
        self.expect('{__name__="o.udp"}', series("o.udp", a="b"))

    def test_influx_and_opentsdb_lines_come_over_tcp(self):
        send_tcp(address(self.cluster, INFLUX),
                 f"itcp,a=b v=1 {NOW}\nbad\nitcp,a=c v=1 {NOW}")
        send_tcp(address(self.cluster, OPENTSDB),
                 f"put o.tcp {NOW} 1 a=b\r\nput o.tcp {NOW * 1000} 1 a=c")
        self.expect("itcp_v",
                    {**series("itcp_v", a="b"), **series("itcp_v", a="c")})
        self.expect('{__name__="o.tcp"}',
                    {**series("o.tcp", a="b"), **series("o.tcp", a="c")})

    def test_opentsdb_http_is_served_on_both_of_its_ports(self):
        for pattern in (OPENTSDB, OPENTSDB_HTTP):
            host, port = address(self.cluster, pattern)
            for path in ("/insert/8/opentsdb/api/put", "/insert/8/api/put",
                         "/opentsdb/api/put", "/api/put"):
                name = f"put{port}{path.replace('/', '.')}"
                points = [{"metric": name, "timestamp": NOW, "value": 1,
                           "tags": {"a": "b"}}, {"metric": name}]
                answer = http_client.request(
                    f"{host}:{port}", "POST", path,
                    gzip.compress(json.dumps(points).encode()),
                    {"Content-Encoding": "gzip"})
                self.assertEqual(answer.status, 204, (path, answer.text))
                tenant = "8" if "insert" in path else "0"
                self.assertEqual(
                    self.cluster.export(f'{{__name__="{name}"}}', tenant),
                    series(name, a="b"))
            answer = http_client.request(f"{host}:{port}", "POST", "/api/put",
                                         '{"metric":')
            self.assertEqual(answer.status, 400)
            self.assertIn("not JSON", answer.text)


    def test_agents_that_send_json_are_answered_as_they_want(self):
        def post(path, body):
            return http_client.request(self.cluster.insert, "POST",
                                       f"/insert/9/{path}", body)

        answer = post("newrelic/infra/v2/metrics/events/bulk", json.dumps(
            [{"Events": [{"eventType": "S", "timestamp": NOW, "nr": 1}]}]))
        self.assertEqual((answer.status, answer.json()),
                         (202, {"status": "ok"}))
        self.assertEqual(self.cluster.export("nr", "9"),
                         series("nr", eventType="S"))
        self.assertEqual(post("newrelic", "").status, 202)
        self.assertIn("payload", post("newrelic/inventory/deltas", "{}").json())
        self.assertEqual(post("newrelic/infra/v2/metrics/events/bulk",
                              '[{"Events":[{]').status, 400)
        item = {"host": {"host": "h", "name": "n"}, "item_tags": [],
                "name": "zx", "clock": NOW, "ns": 0, "value": 1, "type": 3}
        history = "zabbixconnector/api/v1/history"
        bad = 'vm_rows_invalid_total{type="zabbixconnector"}'
        before = self.metric(bad)
        self.assertEqual(
            post(history, json.dumps(item) + "\nnot JSON\n").status, 200)
        self.assertEqual(self.cluster.export("zx", "9"),
                         series("zx", host="h", hostname="n"))
        self.assertEqual(self.metric(bad), before + 1)
        answer = http_client.request(
            self.cluster.insert, "POST", f"/insert/9/{history}", b"not gzip",
            {"Content-Encoding": "gzip"})
        self.assertEqual(answer.status, 400)
        self.assertIn("error", answer.json())


class OutageTest(unittest.TestCase):

    def test_what_is_sent_while_storage_is_down_waits_and_is_stored(self):
        with Cluster(storages=1, insert_args=LISTENERS) as cluster:
            to = address(cluster, GRAPHITE)
            cluster.storages[0].process.kill()
            send_tcp(to, "".join(f"wait;n={n} 1 {NOW}\n" for n in range(1000)))
            retries = 'varve_ingestserver_retries_total{type="graphite"}'
            wait_until(
                lambda: http_client.metric(cluster.insert, retries) >= 1, 30,
                "a try that finds no storage node")
            cluster.storages[0].start()
            rows = 'vm_rows_inserted_total{type="graphite"}'
            wait_until(
                lambda: http_client.metric(cluster.insert, rows) == 1000, 30,
                "all lines")
            wait_until(lambda: http_client.post_form(
                cluster.select, "/select/0/prometheus/api/v1/series",
                {"match[]": "wait"}).status == 200, 30,
                "the select node is connected again")
            self.assertEqual(len(cluster.export("wait")), 1000)

    def test_the_insert_node_stops_though_lines_wait_for_storage(self):
        with Cluster(storages=1, insert_args=LISTENERS) as cluster:
            to = address(cluster, GRAPHITE)
            cluster.storages[0].process.kill()
            client = socket.create_connection(to, timeout=20)
            self.addCleanup(client.close)
            client.sendall(f"wait 1 {NOW}\n".encode())
            wait_until(
                lambda: http_client.metric(
                    cluster.insert,
                    'varve_ingestserver_retries_total{type="graphite"}') >= 1,
                30, "a try that finds no storage node")
            process = cluster.inserts[0][0]
            began = time.monotonic()
            process.terminate()
            process.stop()
            self.assertLess(time.monotonic() - began, 15)


if __name__ == "__main__":
    unittest.main()
