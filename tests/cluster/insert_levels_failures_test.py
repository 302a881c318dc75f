"""Several levels of insert and select nodes, of which some are down, hang, come
late or differ."""

import json
import threading
import time
import unittest

from tests.cluster.hinted_write_test import total
from tests.cluster.insert_levels import Levels, rows
from tests.support.cluster import wait_healthy
from tests.support.processes import wait_until

INCOMPLETE = "vm_rpc_rows_incompletely_replicated_total"


class FailureTest(unittest.TestCase):

    def test_without_one_cluster_writes_go_on_and_reads_tell(self):
        with Levels() as levels:
            now_s = int(time.time())
            early_s = now_s - 4 * 3600
            levels.store(rows("m", early_s * 1000))
            down = levels.lower[0]
            down.process.kill()
            levels.store(rows("m", now_s * 1000))
            self.assertEqual(total(levels.insert, INCOMPLETE), 200)
            self.assertEqual(levels.count("m", now_s), (False, 200))
            self.assertEqual(
                levels.count("m", now_s, levels.selects[0][1]), (False, 0))
            for storage in levels.storages[2:]:
                self.assertEqual(total(storage.http, "varve_missed_records"),
                                 1)
            down.start()
            levels.wait_reaches(levels.insert, 2)
            levels.store(rows("later", now_s * 1000))
            self.assertEqual(
                levels.count("later", now_s, levels.selects[0][1]),
                (False, 200))
            self.assertEqual(levels.count("m", now_s), (False, 200))
            # The other cluster loses a part of what it alone has.
            levels.storages[2].process.stop()
            answer = levels.wait_partial("m", now_s)
            self.assertIn("lacks rows", json.dumps(answer["warnings"]))
            # Before that nothing is missing: the first cluster has it all.
            self.assertEqual(levels.count("m", early_s), (False, 200))

    def test_a_storage_node_that_was_down_learns_who_lacks_rows(self):
        with Levels() as levels:
            now_s = int(time.time())
            first, second = levels.storages[:2]
            levels.store(rows("m", now_s * 1000 - 1))
            second.process.kill()
            levels.lower[1].process.kill()
            levels.store(rows("m", now_s * 1000))
            self.assertEqual(total(levels.insert, INCOMPLETE), 200)
            levels.lower[1].start()
            second.start()
            wait_healthy(second.http)
            def settled():
                """What the node itself missed is made up for."""
                records = [total(one.http, "varve_missed_records")
                           for one in (first, second)]
                return (total(first.http, "varve_hints_bytes") == 0 and
                        records[0] == records[1] > 0)
            wait_until(settled, 30, "the record of the other cluster")
            first.process.kill()
            answer = levels.wait_partial("m", now_s)
            self.assertIn("lacks rows", json.dumps(answer["warnings"]))

    def test_another_insert_node_of_the_cluster_takes_over(self):
        with Levels() as levels:
            levels.add_lower(levels.storages[:2])
            upper = levels.add_insert(nodes=levels.lower_nodes())
            levels.wait_reaches(upper, 3)
            now_s = int(time.time())
            stop = threading.Event()
            statuses = []

            def write():
                while not stop.is_set():
                    statuses.append(levels.write(
                        rows(f"w{len(statuses)}", now_s * 1000, 5),
                        insert=upper).status)
            thread = threading.Thread(target=write)
            thread.start()
            try:
                for down in (levels.lower[0], levels.lower[2]):
                    seen = len(statuses)
                    wait_until(lambda: len(statuses) > seen + 10, 20, "writes")
                    down.process.kill()
                    seen = len(statuses)
                    wait_until(lambda: len(statuses) > seen + 10, 20,
                               "writes by way of another")
                    down.start()
                    levels.wait_reaches(upper, 3)
            finally:
                stop.set()
                thread.join()
            self.assertEqual(set(statuses), {204})
            self.assertEqual(total(upper, INCOMPLETE), 0)
            for _, select in levels.selects[:2]:
                found = levels.answer("query", select, time=now_s,
                                      query='count({__name__=~"w.*"})')
                self.assertEqual(found["data"]["result"][0]["value"][1],
                                 str(5 * len(statuses)))

    def test_insert_nodes_with_other_lists_are_one_cluster(self):
        with Levels() as levels:
            levels.add_lower(levels.storages[1:2])
            upper = levels.add_insert(nodes=levels.lower_nodes())
            levels.wait_reaches(upper, 3)
            now_s = int(time.time())

            def written():
                return levels.write(rows("m", now_s * 1000),
                                    insert=upper).status
            wait_until(lambda: written() == 204, 20, "writes")
            for _, select in levels.selects[:2]:
                self.assertEqual(levels.count("m", now_s, select),
                                 (False, 200))
            self.assertEqual(total(upper, INCOMPLETE), 0)
            # Its copy is missed under an id that its select nodes know.
            for one in (levels.lower[0], levels.lower[2]):
                one.process.kill()
            late_s = now_s - 7200
            self.assertEqual(levels.write(rows("late", late_s * 1000),
                                          insert=upper).status, 204)
            self.assertEqual(total(upper, INCOMPLETE), 200)
            levels.storages[2].process.stop()
            answer = levels.wait_partial("late", late_s)
            self.assertIn("lacks rows", json.dumps(answer["warnings"]))

    def test_an_address_that_is_down_at_the_start_is_not_waited_for(self):
        with Levels() as levels:
            levels.add_lower(levels.storages[:2])
            nodes = levels.lower_nodes()
            now_s = int(time.time())
            upper = levels.add_insert(nodes=nodes)
            levels.wait_reaches(upper, 3)
            self.assertEqual(levels.write(rows("m", now_s * 1000, 5),
                                          insert=upper).status, 204)
            levels.lower[2].process.kill()
            again = levels.add_insert(nodes=nodes)
            levels.wait_reaches(again, 2)
            answer = levels.write(rows("m", now_s * 1000 + 1, 5),
                                  insert=again)
            self.assertEqual(answer.status, 204, answer.text)
            self.assertEqual(total(again, INCOMPLETE), 0)

    def test_rows_of_before_a_cluster_was_known_are_told(self):
        with Levels() as levels:
            levels.inserts[0][0].stop()
            for one in levels.lower:
                one.process.kill()
            levels.lower[0].start()
            upper = levels.add_insert(nodes=levels.lower_nodes())
            now_s = int(time.time())
            wait_until(lambda: levels.write(
                rows("m", now_s * 1000), insert=upper).status == 204, 30,
                "writes without the other cluster")
            levels.lower[1].start()
            levels.wait_reaches(upper, 2)
            self.assertEqual(levels.count("m", now_s), (False, 200))
            levels.storages[0].process.kill()
            levels.wait_partial("m", now_s)

    def test_too_few_copies_are_refused(self):
        with Levels(upper_args=["-insert.minCopies=2"]) as levels:
            now_ms = int(time.time()) * 1000
            levels.store(rows("m", now_ms, 5))
            levels.lower[1].process.kill()
            self.assertEqual(levels.write(rows("m", now_ms + 1, 5)).status,
                             503)
            levels.lower[1].start()
            wait_until(lambda: levels.write(
                rows("m", now_ms + 1, 5)).status == 204, 20, "writes")

    def test_a_cluster_without_its_storage_nodes_is_a_node_that_is_down(self):
        with Levels() as levels:
            now_s = int(time.time())
            levels.store(rows("m", now_s * 1000 - 1))
            for storage in levels.storages[:2]:
                storage.process.kill()
            levels.store(rows("m", now_s * 1000))
            self.assertEqual(total(levels.insert, INCOMPLETE), 200)
            self.assertEqual(levels.count("m", now_s), (False, 200))
            for storage in levels.storages[:2]:
                storage.start()
                wait_healthy(storage.http)

            def whole():
                before = total(levels.insert, INCOMPLETE)
                levels.store(rows("again", now_s * 1000, 5))
                return total(levels.insert, INCOMPLETE) == before
            wait_until(whole, 30, "writes with both copies")

    def test_a_storage_node_dying_below_loses_nothing_acknowledged(self):
        with Levels(lower_factor=2) as levels:
            now_s = int(time.time())
            acknowledged = []
            stop = threading.Event()

            def write():
                k = 0
                while not stop.is_set():
                    name = f"w{k}"
                    if levels.write(rows(name, now_s * 1000, 20)).status == 204:
                        acknowledged.append(name)
                    k += 1
            thread = threading.Thread(target=write)
            thread.start()
            try:
                wait_until(lambda: len(acknowledged) > 10, 20, "writes")
                levels.storages[0].process.kill()
                seen = len(acknowledged)
                wait_until(lambda: len(acknowledged) > seen + 20, 20,
                           "writes without it")
            finally:
                stop.set()
                thread.join()

            def missing(select):
                found = levels.answer("query", select, time=now_s,
                                      query='count({__name__=~"w.*"}) '
                                      'by (__name__)')
                self.assertFalse(found["isPartial"], found)
                counts = {row["metric"]["__name__"]: row["value"][1]
                          for row in found["data"]["result"]}
                return [name for name in acknowledged
                        if counts.get(name) != "20"]
            self.assertEqual(missing(levels.upper), [])
            self.assertEqual(missing(levels.selects[1][1]), [])
            if total(levels.insert, INCOMPLETE) == 0:
                self.assertEqual(missing(levels.selects[0][1]), [])

    def test_all_come_back_in_any_order(self):
        with Levels(lower_factor=2) as levels:
            now_ms = int(time.time()) * 1000
            levels.store(rows("m", now_ms, 20))
            parts = [*levels.lower, *levels.storages]
            for k, order in enumerate((parts, parts[::-1])):
                for part in parts:
                    part.process.kill()
                for part in order:
                    part.start()
                at_ms = now_ms + 1 + k

                def whole():
                    before = total(levels.insert, INCOMPLETE)
                    answer = levels.write(rows("m", at_ms, 20))
                    return (answer.status == 204 and
                            total(levels.insert, INCOMPLETE) == before)
                wait_until(whole, 40, "writes with both copies")
            for _, select in levels.selects:
                wait_until(lambda s=select: levels.count(
                    "m", now_ms / 1000 + 1, s) == (False, 20), 20, "reads")
                self.assertEqual(
                    {len(set(samples)) for samples in
                     levels.export("m", select=select).values()}, {3})

    def test_each_ends_promptly_in_any_order(self):
        levels = Levels()
        try:
            levels.store(rows("m", int(time.time()) * 1000, 5))
            self.assertEqual(levels.lower[0].process.stop(seconds=5), 0)
            for storage in levels.storages:
                storage.process.kill()
            self.assertEqual(levels.lower[1].process.stop(seconds=5), 0)
            self.assertEqual(levels.inserts[0][0].stop(seconds=5), 0)
        finally:
            levels.close()


if __name__ == "__main__":
    unittest.main()
