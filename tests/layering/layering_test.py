"""The repository obeys its layering, and the checks find what breaks it."""

import os
import tempfile
import unittest

from tests.layering import layering, table

REPO = os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class SmallTree:
    """A source tree of a few files in a temporary directory."""

    def __init__(self, files):
        self.folder = tempfile.TemporaryDirectory(prefix="varve-layering-")
        for path, text in files.items():
            path = os.path.join(self.folder.name, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

    def problems(self, check):
        return list(check(layering.Tree(self.folder.name)))


def found(check, files):
    tree = SmallTree(files)
    try:
        return tree.problems(check)
    finally:
        tree.folder.cleanup()


class RepositoryTest(unittest.TestCase):

    def test_the_repository_has_no_problem(self):
        texts = layering.problems(REPO)
        self.assertEqual(texts, [], "\n" + "\n".join(texts))


class TableTest(unittest.TestCase):

    def test_no_line_of_the_table_points_up(self):
        for folder, targets in table.MAY_INCLUDE.items():
            for target in targets:
                below = target[:-2] if target.endswith("/*") else target
                self.assertLessEqual(table.row_of(below), table.row_of(folder),
                                     f"{folder} -> {target}")

    def test_language_network_and_disk_never_meet(self):
        for folder in ("lib/promql", "lib/eval", "lib/rollup"):
            self.assertFalse(table.may_include(folder, "net/http"))
            self.assertFalse(table.may_include(folder, "storage/engine"))
        for folder in ("net/tcp", "net/http", "net/rpc"):
            self.assertFalse(table.may_include(folder, "storage/fs"))
            self.assertFalse(table.may_include(folder, "lib/model"))
        for folder in ("lib/ingest", "lib/query"):
            self.assertFalse(table.may_include(folder, "storage/engine"))


class IncludeTest(unittest.TestCase):

    def test_an_edge_the_table_lacks_is_found(self):
        texts = found(layering.check_includes, {
            "lib/eval/a.cc": '#include "net/http/server.h"\n',
            "lib/eval/b.cc": '#include "lib/promql/ast.h"\n',
            "storage/head/c.h": '#include "storage/kv/store.h"\n',
            "storage/engine/d.cc": '#include "storage/kv/store.h"\n',
            "lib/model/e.cc": '#include "lib/telemetry/metrics.h"\n',
            "lib/wire/f.cc": '#include "lib/telemetry/metrics.h"\n',
            "bench/micro/g.cc": '#include "storage/kv/store.h"\n',
            "lib/base/h_test.cc": '#include "tests/support/temp_dir.h"\n',
            "lib/ingest/j_test.cc": '#include "lib/compress/compress.h"\n',
            "lib/ingest/j.cc": '#include "lib/compress/compress.h"\n',
            "lib/base/i.cc": '#include "tests/support/temp_dir.h"\n',
        })
        self.assertEqual(texts, [
            "lib/base/i.cc: may not include tests/support/temp_dir.h",
            "lib/eval/a.cc: may not include net/http/server.h",
            "lib/ingest/j.cc: may not include lib/compress/compress.h",
            "lib/model/e.cc: may not include lib/telemetry/metrics.h",
            "storage/head/c.h: may not include storage/kv/store.h",
        ])

    def test_a_fixture_is_of_testonly_libraries_alone(self):
        text = '#include "tests/support/temp_dir.h"\n'
        texts = found(layering.check_includes, {
            "lib/base/a.h": text,
            "lib/base/b.h": text,
            "lib/base/c.h": text,
            "lib/base/BUILD.bazel": """
cc_library(name = "fixture", testonly = True, hdrs = ["a.h", "b.h"])
cc_library(name = "product", hdrs = ["b.h"])
cc_library(name = "other", hdrs = ["c.h"])
""",
        })
        self.assertEqual(texts, [
            "lib/base/b.h: may not include tests/support/temp_dir.h",
            "lib/base/c.h: may not include tests/support/temp_dir.h",
        ])

    def test_a_library_has_one_owner(self):
        texts = found(layering.check_owners, {
            "storage/kv/a.cc": "#include <rocksdb/db.h>\n",
            "storage/block/b.cc": "#include <rocksdb/db.h>\n",
            "lib/protocol/c.cc": "#include <snappy.h>\n",
        })
        self.assertEqual(len(texts), 2, texts)

    def test_an_unknown_or_deep_folder_is_found(self):
        texts = found(layering.check_folders, {
            "lib/other/a.cc": "", "lib/base/deep/b.cc": "",
            "lib/base/c.cc": "", "tests/fuzz/d.cc": "",
        })
        self.assertEqual(texts, [
            "lib/base/deep: is not in the table of folders",
            "lib/other: is not in the table of folders"])


class SizeTest(unittest.TestCase):

    def test_long_files_and_functions_are_found(self):
        body = "  int x = 0;\n"
        function = "void F(int a,\n       int b) {\n" + body * 68 + "}\n"
        member = "class A {\n  void G() {\n" + "    x();\n" * 69 + "  }\n};\n"
        texts = found(layering.check_sizes, {
            "lib/base/ok.cc": "void F() {\n" + body * 68 + "}\n",
            "lib/base/long.cc": "\n" + function,
            "lib/base/member.h": member,
            "lib/base/huge.cc": "\n" * 801,
            "cmd/varve/main.cc": "\n" * 201,
        })
        self.assertEqual(texts, [
            "lib/base/huge.cc: 801 lines, above 800",
            "lib/base/long.cc:2: a function of 71 lines, above 70",
            "lib/base/member.h:2: a function of 71 lines, above 70",
            "cmd/varve/main.cc: 201 lines, above 200",
        ])

    def test_a_big_folder_needs_a_short_readme(self):
        files = {f"lib/base/f{i}.cc": "" for i in range(9)}
        self.assertEqual(found(layering.check_readmes, files),
                         ["lib/base: 9 files and no README.md"])
        files["lib/base/README.md"] = "\n" * 21
        self.assertEqual(found(layering.check_readmes, files),
                         ["lib/base/README.md: above 20 lines"])


class WordTest(unittest.TestCase):

    def test_names_that_say_nothing_are_found(self):
        texts = found(layering.check_words, {
            "lib/base/string_utils.h": "",
            "lib/base/a.h": "class ThreadManager {};  // struct XHelper\n",
            "lib/base/b.h": "struct CommonPrefix {};\n",
        })
        self.assertEqual(texts, [
            "lib/base/a.h: ThreadManager is a name that says nothing",
            "lib/base/string_utils.h: a name that says nothing"])

    def test_forbidden_calls_are_found(self):
        texts = found(layering.check_words, {
            "lib/base/a.cc": "absl::Mutex m;\n",
            "lib/base/b_test.cc": "std::this_thread::sleep_for(x);\n",
            "lib/base/c.cc": "// absl::Mutex is not used\n",
        })
        self.assertEqual(len(texts), 2, texts)


BUILD = '''
package(default_visibility = [":users"])
package_group(name = "users", packages = [%s])
cc_library(name = "a", srcs = ["a.cc"], hdrs = ["a.h"], deps = [%s])
'''


class BuildTest(unittest.TestCase):

    def test_missing_deps_and_files_in_no_target_are_found(self):
        files = {
            "lib/base/a.h": "", "lib/base/a.cc": '#include "lib/base/a.h"\n',
            "lib/base/BUILD.bazel": BUILD % ("", ""),
            "lib/model/a.h": '#include "lib/base/a.h"\n',
            "lib/model/a.cc": "", "lib/model/orphan.cc": "",
            "lib/model/BUILD.bazel": BUILD % ("", ""),
        }
        self.assertEqual(found(layering.check_targets, files), [
            "lib/model/orphan.cc: is in no target",
            "//lib/model:a: lib/model/a.h includes lib/base/a.h, "
            "add //lib/base:a"])
        files["lib/model/BUILD.bazel"] = BUILD % ("", '"//lib/base:a"')
        del files["lib/model/orphan.cc"]
        self.assertEqual(found(layering.check_targets, files), [])

    def test_tests_may_lean_on_the_deps_of_their_deps(self):
        files = {
            "lib/base/a.h": "", "lib/base/a.cc": "",
            "lib/base/a_test.cc": '#include "lib/base/b.h"\n', "lib/base/b.h": "",
            "lib/base/BUILD.bazel": BUILD % ("", '":b"') + '''
cc_library(name = "b", hdrs = ["b.h"])
cc_test(name = "a_test", srcs = ["a_test.cc"], deps = [":a"])
''',
        }
        self.assertEqual(found(layering.check_targets, files), [])

    def test_visibility_that_differs_from_the_table_is_found(self):
        right = ('"//lib/cluster", "//lib/ingest", "//lib/query", "//lib/storenode", '
                 '"//cmd/...", "//net/http", "//net/line", "//net/rpc", '
                 '"//tests/..."')
        self.assertEqual(found(layering.check_visibility, {
            "net/tcp/BUILD.bazel": BUILD % (right, "")}), [])
        texts = found(layering.check_visibility, {
            "net/tcp/BUILD.bazel": BUILD % (
                right.replace("//net/rpc", "//lib/eval"), "")})
        self.assertEqual(texts, [
            "net/tcp/BUILD.bazel: is visible to lib/eval",
            "net/tcp/BUILD.bazel: hides from net/rpc"])


if __name__ == "__main__":
    unittest.main()
