"""Ports of lines: whose the lines are, and proxies in front."""

import json
import re
import socket
import struct
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster, HTTP_LINE, LOCAL
from tests.support.processes import wait_until

NOW = int(time.time()) - 60
PORTS = {
    "graphite": ("graphiteListenAddr",
                 r'TCP Graphite server at "(.*:\d{1,5})"'),
    "influx": ("influxListenAddr", r'TCP InfluxDB server at "(.*:\d{1,5})"'),
    "opentsdb": ("opentsdbListenAddr",
                 r'TCP OpenTSDB collector at "(.*:\d{1,5})"'),
    "opentsdbhttp": ("opentsdbHTTPListenAddr",
                     r'HTTP OpenTSDB server at "(.*:\d{1,5})"'),
}
# One line of each.
LINES = {
    "graphite": lambda name, tags: f"{name}" + "".join(
        f";{k}={v}" for k, v in tags.items()) + f" 1 {NOW}\n",
    "influx": lambda name, tags: name + "".join(
        f",{k}={v}" for k, v in tags.items()) + f" v=1 {NOW}\n",
    "opentsdb": lambda name, tags: f"put {name} {NOW} 1" + "".join(
        f" {k}={v}" for k, v in tags.items()) + "\n",
}
CLIENT = "203.0.113.9"


def text_header(port=5555):
    return f"PROXY TCP4 {CLIENT} 192.0.2.1 {port} 80\r\n".encode()


def binary_header(port=5555):
    block = (socket.inet_aton(CLIENT) + socket.inet_aton("192.0.2.1") +
             struct.pack(">HH", port, 80))
    return (b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(block)) +
            block)


HEADERS = {
    "text": text_header(), "binary": binary_header(),
    "unknown": b"PROXY UNKNOWN\r\n",
    "local": b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00",
}


def connect(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=20)


def send(address, data):
    with connect(address) as client:
        client.sendall(data)


def http_status(address, head, path="/health", body=b""):
    """The status behind a header; None when the connection is closed."""
    with connect(address) as client:
        try:
            client.sendall(
                head + f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close"
                f"\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = client.recv(64)
        except ConnectionError:
            answer = b""
        return int(answer.split(b" ", 2)[1]) if answer else None


def key(name, **labels):
    return tuple(sorted({"__name__": name, **labels}.items()))


class ListenersTest(unittest.TestCase):

    def start(self, *args):
        cluster = Cluster(storages=1, insert_args=[
            *(f"-{flag}={LOCAL}" for flag, _ in PORTS.values()), *args])
        self.addCleanup(cluster.close)
        self.cluster = cluster
        self.ports = {
            name: cluster.inserts[0][0].wait_line(line).group(1)
            for name, (_, line) in PORTS.items()}

    def expect(self, match, keys, tenant="0"):
        wait_until(
            lambda: set(self.cluster.export(match, tenant)) == set(keys), 20,
            f"{keys}, not {self.cluster.export(match, tenant)}")

    def errors(self, port):
        return http_client.metric(
            self.cluster.insert, f'vm_tcplistener_errors_total{{name="{port}"')

    def test_labels_of_a_line_say_whose_it_is(self):
        self.start()
        tags = {"vm_account_id": "5", "vm_project_id": "6", "a": "b"}
        for port, line in LINES.items():
            with self.subTest(port):
                send(self.ports[port], (line(f"t_{port}", tags) +
                                        line(f"t_{port}", {})).encode())
                name = f"t_{port}" + ("_v" if port == "influx" else "")
                self.expect(name, [key(name, a="b")], "5:6")
                self.expect(name, [key(name)])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            host, port = self.ports["graphite"].rsplit(":", 1)
            client.sendto(LINES["graphite"]("t_udp", tags).encode(),
                          (host, int(port)))
        self.expect("t_udp", [key("t_udp", a="b")], "5:6")
        self.assertGreaterEqual(http_client.metric(
            self.cluster.insert, 'vm_tenant_inserted_rows_total{accountID="5",'
            'projectID="6"}'), 4)

    def test_proxies_tell_whose_a_connection_is(self):
        self.start(*(f"-{flag}.useProxyProtocol" for flag, _ in PORTS.values()))
        for port, line in LINES.items():
            for kind, head in HEADERS.items():
                send(self.ports[port],
                     head + line(f"p_{port}_{kind}", {}).encode())
        self.expect('{__name__=~"p_.*"}', [
            key(f"p_{port}_{kind}" + ("_v" if port == "influx" else ""))
            for port in LINES for kind in HEADERS])
        # The client's address is the one that is told.
        send(self.ports["graphite"], text_header(4711) + b"bad\n")
        self.cluster.inserts[0][0].wait_line(
            f"an import from {CLIENT}:4711 were skipped")
        for port in ("opentsdb", "opentsdbhttp"):
            point = json.dumps({"metric": f"h_{port}", "timestamp": NOW,
                                "value": 1}).encode()
            self.assertEqual(http_status(self.ports[port], binary_header(),
                                         "/api/put", point), 204)
            self.expect(f"h_{port}", [key(f"h_{port}")])

    def test_connections_without_the_header_are_closed(self):
        self.start(*(f"-{flag}.useProxyProtocol" for flag, _ in PORTS.values()))
        for port, line in LINES.items():
            before = self.errors(port)
            for head in (b"", b"PROXY TCP4 x y 1 2\r\n",
                         binary_header().replace(b"\x21\x11", b"\x21\x12"),
                         b"PROXY " + b"x" * 200):
                with connect(self.ports[port]) as client:
                    client.sendall(head + line(f"n_{port}", {}).encode())
                    try:
                        self.assertEqual(client.recv(1), b"")
                    except ConnectionError:
                        pass
            wait_until(lambda before=before, port=port:
                       self.errors(port) == before + 4, 20, "errors")
        self.assertIsNone(http_status(self.ports["opentsdbhttp"], b""))
        self.assertEqual(self.cluster.export('{__name__=~"n_.*"}'), {})
        # One that stays silent is closed too, and holds nobody up.
        with connect(self.ports["graphite"]) as silent:
            send(self.ports["graphite"],
                 text_header() + LINES["graphite"]("after", {}).encode())
            self.expect("after", [key("after")])
            self.assertEqual(silent.recv(1), b"")

    def test_each_http_address_has_its_own_way(self):
        with Cluster(storages=1, insert_args=[
                f"-httpListenAddr={LOCAL}",
                "-httpListenAddr.useProxyProtocol=false,true"]) as cluster:
            process, plain = cluster.inserts[0]
            def told():
                found = [re.search(HTTP_LINE, line) for line in process.lines]
                return [match.group(1) for match in found if match]
            wait_until(lambda: len(told()) == 2, 10, "two addresses")
            proxied = told()[1]
            self.assertEqual(http_status(plain, b""), 200)
            self.assertEqual(http_status(proxied, text_header()), 200)
            self.assertEqual(http_status(proxied, binary_header()), 200)
            self.assertIsNone(http_status(proxied, b""))


if __name__ == "__main__":
    unittest.main()
