"""-relabelConfig through real processes: each action, reloads, bad files."""

import http.server
import os
import signal
import tempfile
import threading
import time
import unittest

from tests.support import http_client
from tests.support.agent import Agent
from tests.support.cluster import Cluster
from tests.support.processes import Process, binary, peer, wait_until

NOW_MS = int(time.time()) * 1000

# A rule, the labels of a series that is sent, and those that are stored;
# None: nothing is.
CASES = [
    ("replace", "source_labels: [a], regex: 'f(.*)', target_label: d, "
     "replacement: 'ch${1}-{{a}}'", {"a": "foo"},
     {"a": "foo", "d": "choo-foo"}),
    ("replace_all", "source_labels: [a], target_label: a, regex: '-', "
     "replacement: _", {"a": "x-y-z"}, {"a": "x_y_z"}),
    ("keep", "source_labels: [a], regex: 'x|y'", {"a": "x"}, {"a": "x"}),
    ("keep", "source_labels: [a], regex: 'x|y'", {"a": "z"}, None),
    ("drop", "source_labels: [a, b], regex: 'x;y'", {"a": "x", "b": "y"},
     None),
    ("keep_metrics", "regex: [room_.+, other]", {"a": "x"}, {"a": "x"}),
    ("drop_metrics", "regex: room_temperature", {"a": "x"}, None),
    ("keepequal", "source_labels: [a], target_label: b",
     {"a": "x", "b": "x"}, {"a": "x", "b": "x"}),
    ("dropequal", "source_labels: [a], target_label: b",
     {"a": "x", "b": "x"}, None),
    ("keep_if_equal", "source_labels: [a, b]", {"a": "x", "b": "y"}, None),
    ("drop_if_equal", "source_labels: [a, b]", {"a": "x", "b": "y"},
     {"a": "x", "b": "y"}),
    ("keep_if_contains", "source_labels: [a], target_label: b",
     {"a": "x", "b": "wxy"}, {"a": "x", "b": "wxy"}),
    ("drop_if_contains", "source_labels: [a], target_label: b",
     {"a": "x", "b": "wxy"}, None),
    ("hashmod", "source_labels: [foo], target_label: shard, modulus: 123",
     {"foo": "yyy"}, {"foo": "yyy", "shard": "73"}),
    ("labelmap", "regex: 'meta_(.+)', replacement: 'k8s_$1'",
     {"meta_pod": "p"}, {"meta_pod": "p", "k8s_pod": "p"}),
    ("labelmap_all", "regex: '[.]', replacement: _", {"a.b": "c"},
     {"a_b": "c"}),
    ("labeldrop", "regex: 'b.*'", {"a": "x", "b1": "y"}, {"a": "x"}),
    ("labelkeep", "regex: '__name__|case|a'", {"a": "x", "b": "y"},
     {"a": "x"}),
    ("lowercase", "source_labels: [a], target_label: a", {"a": "ÄB"},
     {"a": "äb"}),
    ("uppercase", "source_labels: [a], target_label: b", {"a": "äb"},
     {"a": "äb", "b": "ÄB"}),
    ("graphite", "match: '*_*', labels: {__name__: '$2', kind: '$1'}", {},
     {"__name__": "temperature", "kind": "room"}),
]


class ConfigFile:
    """A file of rules, exchanged as a whole."""

    def __init__(self, text):
        self.folder = tempfile.TemporaryDirectory(prefix="varve-relabel-")
        self.path = os.path.join(self.folder.name, "relabel.yml")
        self.write(text)

    def write(self, text):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.path + ".new", self.path)


class RuleServer:
    """Gives rules over HTTP, and keeps what was asked."""

    def __init__(self, rules):
        self.rules, self.code, self.asked = rules, 200, []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.asked.append(self.path)
                self.send_response(owner.code)
                self.end_headers()
                self.wfile.write(owner.rules.encode())

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/rules.yml" % self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class RelabelTest(unittest.TestCase):

    def start(self, text, *args, **options):
        self.file = ConfigFile(text)
        self.addCleanup(self.file.folder.cleanup)
        cluster = Cluster(storages=1, insert_args=[
            f"-relabelConfig={self.file.path}", *args], **options)
        self.addCleanup(cluster.close)
        return cluster

    def names(self, cluster):
        return {dict(labels)["__name__"]
                for labels in cluster.export('{__name__!=""}')}

    def test_each_action_changes_what_is_stored(self):
        cluster = self.start("[]")
        for number, (action, fields, sent, expected) in enumerate(CASES):
            with self.subTest(action=action, fields=fields, sent=sent):
                self.file.write(f"- {{action: {action}, {fields}}}\n")
                self.assertEqual(http_client.get(
                    cluster.insert, "/-/reload").status, 200)
                case = {"case": str(number)}
                self.assertEqual(cluster.write([
                    ({"__name__": "room_temperature", **case, **sent},
                     [(NOW_MS, number)])]).status, 204)
                stored = [dict(labels) for labels in cluster.export(
                    f'{{case="{number}"}}')]
                self.assertEqual(stored, [] if expected is None else [
                    {"__name__": "room_temperature", **case, **expected}])
        dropped = sum(1 for case in CASES if case[3] is None)
        wait_until(lambda: http_client.metric(
            cluster.insert, "vm_relabel_metrics_dropped_total") == dropped)
        self.assertEqual(http_client.metric(
            cluster.insert, "vm_rows_ignored_total"), 0)

    def test_extra_labels_come_before_rules_and_limits_after(self):
        cluster = self.start(
            "- {source_labels: [dc], target_label: where}\n"
            "- {action: labeldrop, regex: 'l[0-9]+'}\n")
        answer = http_client.request(
            cluster.insert, "POST", "/insert/0/prometheus/api/v1/import/"
            "prometheus?extra_label=dc=eu", b"m{%s} 1\n" % b",".join(
                b'l%d="x"' % i for i in range(60)))
        self.assertEqual(answer.status, 204)
        self.assertEqual(list(cluster.export("m")), [
            (("__name__", "m"), ("dc", "eu"), ("where", "eu"))])

    def test_names_become_those_of_prometheus(self):
        cluster = self.start("- {action: drop, if: 'a_b'}\n",
                             "-usePromCompatibleNaming", "-sortLabels")
        self.assertEqual(cluster.write([
            ({"__name__": "a.b"}, [(NOW_MS, 1)]),
            ({"__name__": "c.d", "e-f": "g"}, [(NOW_MS, 1)])]).status, 204)
        self.assertEqual(list(cluster.export('{__name__!=""}')), [
            (("__name__", "c_d"), ("e_f", "g"))])

    def test_reloads_under_load_take_the_new_rules_or_keep_the_old(self):
        cluster = self.start("- {target_label: version, replacement: v0}\n")
        insert, address = cluster.inserts[0]
        stop = threading.Event()
        codes = set()

        def load(writer):
            while not stop.is_set():
                codes.add(cluster.write([
                    ({"__name__": "load", "n": f"{writer}-{i}"},
                     [(int(time.time() * 1000), i)])
                    for i in range(200)]).status)

        def versions():
            answer = cluster.write([({"__name__": "probe"},
                                     [(int(time.time() * 1000), 1)])])
            self.assertEqual(answer.status, 204)
            return {dict(labels)["version"]
                    for labels in cluster.export("probe")}

        def told(name):
            return http_client.metric(address, f"vm_relabel_config_{name}")

        writers = [threading.Thread(target=load, args=(i,)) for i in range(2)]
        for writer in writers:
            writer.start()
        try:
            self.assertEqual(versions(), {"v0"})
            # By request: in force when it is answered.
            self.file.write("- {target_label: version, replacement: v1}\n")
            self.assertEqual(http_client.get(address, "/-/reload").status, 200)
            self.assertEqual(versions(), {"v0", "v1"})
            # A bad file.
            self.file.write("- {action: labeldrop, regex: n}\n"
                            "- {action: replace, target: version}\n")
            answer = http_client.request(address, "POST", "/-/reload")
            self.assertEqual(answer.status, 500)
            self.assertIn(f"-relabelConfig={self.file.path}: rule 2, line 2: "
                          "field target, line 2: ", answer.text)
            self.assertEqual(versions(), {"v0", "v1"})
            self.assertEqual(told("last_reload_successful"), 0)
            self.assertEqual(told("reloads_errors_total"), 1)
            insert.wait_line("stays in force: .*field target")
            # By signal.
            self.file.write("- {target_label: version, replacement: v2}\n")
            os.kill(insert.pid, signal.SIGHUP)
            wait_until(lambda: told("last_reload_successful") == 1)
            self.assertIn("v2", versions())
            self.assertGreater(
                told("last_reload_success_timestamp_seconds"),
                time.time() - 60)
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        self.assertEqual(codes, {204})
        # n is there: the bad file was not taken in part.
        self.assertTrue(all("n" in dict(labels)
                            for labels in cluster.export("load")))

    def test_a_changed_file_is_seen_by_looking(self):
        cluster = self.start("- {action: drop, if: a}\n",
                             "-relabelConfigCheckInterval=50ms")
        self.file.write("- {action: drop, if: b}\n")
        wait_until(lambda: http_client.metric(
            cluster.insert, "vm_relabel_config_reloads_total") == 2)
        self.assertEqual(cluster.write([
            ({"__name__": name}, [(NOW_MS, 1)]) for name in "ab"]).status, 204)
        self.assertEqual(self.names(cluster), {"a"})

    def test_rules_of_a_url_are_taken_as_those_of_a_file(self):
        server = RuleServer("- {action: drop, if: a}\n")
        self.addCleanup(server.close)
        cluster = Cluster(storages=1, insert_args=[
            f"-relabelConfig={server.url}?zone=1"])
        self.addCleanup(cluster.close)
        self.assertEqual(server.asked, ["/rules.yml?zone=1"])
        insert = cluster.inserts[0][0]

        def write(n):
            self.assertEqual(cluster.write([
                ({"__name__": name, "n": n}, [(NOW_MS, 1)])
                for name in "ab"]).status, 204)
        write("1")
        self.assertEqual(self.names(cluster), {"b"})
        server.rules = "- {action: drop, if: b}\n"
        self.assertEqual(
            http_client.get(cluster.insert, "/-/reload").status, 200)
        write("2")
        self.assertEqual(self.names(cluster), {"a", "b"})
        reloads = "vm_relabel_config_reloads_total"
        for code, rules, told in ((500, "", "it is answered with 500"),
                                  (200, "- {action: drop}", "rule 1, line 1")):
            server.code, server.rules = code, rules
            answer = http_client.get(cluster.insert, "/-/reload")
            self.assertEqual(answer.status, 500)
            self.assertIn(told, answer.text)
            self.assertEqual(http_client.metric(
                cluster.insert, "vm_relabel_config_last_reload_successful"), 0)
        # The rules before stay in force; SIGHUP fetches too.
        write("3")
        self.assertEqual(len(cluster.export("b")), 1)
        self.assertEqual(len(cluster.export("a")), 2)
        server.code, server.rules = 200, "- {action: drop, if: c}\n"
        before = http_client.metric(cluster.insert, reloads)
        insert.popen.send_signal(signal.SIGHUP)
        wait_until(lambda: http_client.metric(cluster.insert, reloads) ==
                   before + 1, 10, "a reload")
        wait_until(lambda: http_client.metric(
            cluster.insert, "vm_relabel_config_last_reload_successful") == 1)

    def test_a_changed_url_is_seen_by_looking(self):
        server = RuleServer("- {action: drop, if: a}\n")
        self.addCleanup(server.close)
        cluster = Cluster(storages=1, insert_args=[
            f"-relabelConfig={server.url}",
            "-relabelConfigCheckInterval=50ms"])
        self.addCleanup(cluster.close)
        server.rules = "- {action: drop, if: b}\n"
        wait_until(lambda: http_client.metric(
            cluster.insert, "vm_relabel_config_reloads_total") == 2)
        asked = len(server.asked)
        wait_until(lambda: len(server.asked) > asked + 2)
        self.assertEqual(http_client.metric(
            cluster.insert, "vm_relabel_config_reloads_total"), 2)

    def test_a_bad_url_at_the_start_ends_the_process(self):
        gone = RuleServer("")
        gone.close()
        for url in (gone.url, "https://localhost/rules.yml", "http://"):
            process = Process("insert", binary("varve-insert"), [
                "-httpListenAddr=127.0.0.1:0", "-storageNode=127.0.0.1:1",
                f"-relabelConfig={url}"])
            process.wait_line("FATAL.*|fatal.*")
            process.popen.wait(20)
            self.assertNotEqual(process.popen.returncode, 0)
            self.assertIn(f"-relabelConfig={url}: ",
                          "\n".join(process.lines))

    def test_a_bad_file_at_the_start_ends_the_process(self):
        file = ConfigFile("- {action: labeldrop, regex: '%{VARVE_NO_SUCH}'}\n")
        self.addCleanup(file.folder.cleanup)
        for text, told in [
                (None, "VARVE_NO_SUCH"),
                ("- {action: drop}", "rule 1, line 1: missing source_labels"),
                ("- {action: drop", "line "),
                ("", None)]:
            if text is not None:
                file.write(text)
            if text == "":
                os.remove(file.path)
            process = Process("insert", binary("varve-insert"), [
                "-httpListenAddr=127.0.0.1:0", "-storageNode=127.0.0.1:1",
                f"-relabelConfig={file.path}"])
            process.wait_line("FATAL.*|fatal.*")
            process.popen.wait(20)
            self.assertNotEqual(process.popen.returncode, 0)
            said = "\n".join(process.lines)
            self.assertIn(f"-relabelConfig={file.path}: ", said)
            self.assertIn(told or "No such file", said)

    def test_variables_of_the_environment_are_filled_in(self):
        os.environ["VARVE_TEST_ZONE"] = "z1"
        self.addCleanup(os.environ.pop, "VARVE_TEST_ZONE")
        cluster = self.start(
            "- {target_label: zone, replacement: '%{VARVE_TEST_ZONE}'}\n")
        self.assertEqual(
            cluster.write([({"__name__": "a"}, [(NOW_MS, 1)])]).status, 204)
        self.assertEqual(list(cluster.export("a")), [
            (("__name__", "a"), ("zone", "z1"))])

    def test_select_tells_what_rules_make_of_a_metric(self):
        rules = ("- {source_labels: [a], target_label: b}\n"
                 "- {action: labeldrop, regex: a}\n")
        cluster = self.start(rules)
        self.assertEqual(cluster.write([
            ({"__name__": "m", "a": "<x>"}, [(NOW_MS, 1)])]).status, 204)
        self.assertEqual(list(cluster.export("m")), [
            (("__name__", "m"), ("b", "<x>"))])
        arguments = {"metric": 'm{a="<x>"}', "relabel_configs": rules}
        for path in ("/select/0/prometheus/metric-relabel-debug",
                     "/select/prometheus/target-relabel-debug",
                     "/select/multitenant/prometheus/metric-relabel-debug"):
            for send in (http_client.get, http_client.post_form):
                answer = send(cluster.select, path,
                              {**arguments, "format": "json"})
                self.assertEqual((answer.status, answer.json()["status"]),
                                 (200, "success"), answer.text)
                steps = answer.json()["steps"]
                self.assertEqual(steps[1]["rule"],
                                 "action: labeldrop\nregex: a\n")
                self.assertIn("b=&quot;&lt;x&gt;&quot;",
                              answer.json()["resultingLabels"])
        page = http_client.post_form(
            cluster.select, "/select/0/prometheus/metric-relabel-debug",
            arguments)
        self.assertTrue(page.headers["Content-Type"].startswith("text/html"))
        self.assertNotIn("<x>", page.text)
        bad = http_client.get(
            cluster.select, "/select/0/prometheus/metric-relabel-debug",
            {"relabel_configs": "- {action: nothing}", "format": "json"})
        self.assertEqual((bad.status, bad.json()), (200, {
            "status": "error",
            "error": "Error: cannot parse relabel configs: rule 1, line 1: "
                     "unknown action nothing"}))
        self.assertEqual(http_client.get(
            cluster.select, "/select/abc/prometheus/metric-relabel-debug"
        ).status, 400)

    @unittest.skipUnless(peer("vmagent"), "skipped: no peer")
    def test_vmagent_writes_through_rules(self):
        cluster = self.start(
            "- {action: keep_metrics, regex: [up, 'vm_.+']}\n"
            "- {target_label: cluster, replacement: test}\n"
            "- {action: labeldrop, regex: instance}\n")
        folder = tempfile.TemporaryDirectory(prefix="varve-agent-")
        self.addCleanup(folder.cleanup)
        agent = Agent(folder.name, "rules", [cluster.select],
                      [f"{cluster.insert}/insert/0/prometheus/api/v1/write"])
        self.addCleanup(agent.stop)
        wait_until(lambda: "up" in self.names(cluster) and
                   len(self.names(cluster)) > 10, 30, "scrapes")
        dropped = http_client.metric(
            cluster.insert, "vm_relabel_metrics_dropped_total")
        self.assertGreater(dropped, 0)
        for labels in cluster.export('{__name__!=""}'):
            labels = dict(labels)
            self.assertRegex(labels["__name__"], "^(up|vm_.+)$")
            self.assertEqual(labels["cluster"], "test")
            self.assertNotIn("instance", labels)
        self.assertEqual(
            agent.metric("vmagent_remotewrite_packets_dropped_total"), 0)


if __name__ == "__main__":
    unittest.main()
