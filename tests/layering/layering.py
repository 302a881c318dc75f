"""Reads a source tree and says where it departs from the house's layering.

`problems(root)` gives texts like "lib/eval/x.cc: includes net/http/server.h".
Each check is a function of a Tree, so that a test can give it a small one.
"""

import os
import re

from tests.layering import table

SOURCE = (".cc", ".h")
TOPS = ("lib", "storage", "net", "cmd", "proto", "tests", "bench")


class Tree:
    """The sources and BUILD files below `root`, read once."""

    def __init__(self, root):
        self.files = {}    # path -> text
        self.builds = {}   # package -> text
        self.readmes = {}  # package -> text
        for top in TOPS:
            for folder, subfolders, names in os.walk(os.path.join(root, top)):
                subfolders.sort()
                package = os.path.relpath(folder, root)
                for name in sorted(names):
                    path = os.path.join(folder, name)
                    if name.endswith(SOURCE):
                        self.files[f"{package}/{name}"] = read(path)
                    elif name == "BUILD.bazel":
                        self.builds[package] = read(path)
                    elif name == "README.md":
                        self.readmes[package] = read(path)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def folder_of(path):
    return os.path.dirname(path)


def own_includes(text):
    """Paths of `#include "…"` below our own folders."""
    for path in re.findall(r'^#include "([^"]+)"', text, re.MULTILINE):
        if path.split("/")[0] in TOPS:
            yield path


def test_may_include(target):
    """Tests beside the code, and their fixtures, make their input with any
    codec."""
    return target == "tests/support" or table.row_of(target) <= 2


def fixtures_of(tree):
    """The files that only `testonly` libraries have: parts of tests."""
    found, others = set(), set()
    for package in packages_of(tree).values():
        for target, arguments in package.targets.items():
            kind = found if arguments.get("testonly") else others
            kind.update(package.files(target, "srcs", "hdrs"))
    return found - others


def check_includes(tree):
    fixtures = fixtures_of(tree)
    for path, text in tree.files.items():
        folder = folder_of(path)
        of_test = path.endswith("_test.cc") or path in fixtures
        for included in own_includes(text):
            target = table.PART_OF.get(included, folder_of(included))
            if of_test and test_may_include(target):
                continue
            if not table.may_include(folder, target) and (
                    not table.may_include(folder, folder_of(included))):
                yield f"{path}: may not include {included}"


def check_owners(tree):
    """Libraries of others are used by the folder that owns them only."""
    for path, text in tree.files.items():
        folder = folder_of(path)
        if folder.startswith(("tests", "bench")) or path.endswith("_test.cc"):
            continue
        for included in re.findall(r"^#include <([^>]+)>", text, re.MULTILINE):
            for beginning, owners in table.OWNERS.items():
                if included.startswith(beginning) and not any(
                        table.matches(folder, owner) for owner in owners):
                    yield f"{path}: <{included}> belongs to {owners}"


def check_folders(tree):
    for folder in sorted({folder_of(path) for path in tree.files}):
        if folder.startswith(("tests/", "bench/")):
            if folder.count("/") > 1:
                yield f"{folder}: more than two levels"
        elif folder not in table.MAY_INCLUDE:
            yield f"{folder}: is not in the table of folders"


def check_sizes(tree):
    for path, text in tree.files.items():
        lines = text.count("\n")
        if lines > table.FILE_LINES_MAX:
            yield f"{path}: {lines} lines, above {table.FILE_LINES_MAX}"
        if path.endswith("/main.cc") and lines > table.MAIN_LINES_MAX:
            yield f"{path}: {lines} lines, above {table.MAIN_LINES_MAX}"
        for line, length in long_functions(text):
            yield (f"{path}:{line}: a function of {length} lines, above "
                   f"{table.FUNCTION_LINES_MAX}")


def long_functions(text):
    """(line, length) of functions above the limit.

    Goes by indentation, as clang-format makes it: a function ends with a lone
    brace in the column where its signature began, which is 0, or 2 in a class.
    """
    starts = {0: None, 2: None}
    ended = 0  # last line of a function already reported
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        indent = len(line) - len(line.lstrip(" "))
        if indent not in starts or not bare or bare.startswith(("//", "#")):
            continue
        if bare == "}":
            start = starts[indent]
            if start and number - start + 1 > table.FUNCTION_LINES_MAX:
                if start > ended:
                    yield start, number - start + 1
                ended = number
            starts[indent] = None
        elif not bare.startswith("}") and not re.match(
                r"(public|private|protected):|template\b|: |\)", bare):
            starts[indent] = number


def check_words(tree):
    declared = re.compile(
        r"\b(?:class|struct|namespace)\s+(\w*" + table.FORBIDDEN_NAME +
        r")\b", re.IGNORECASE)
    in_file_name = re.compile(
        r"(^|_)(utils?|helpers?|common|manager)(_test)?\.", re.IGNORECASE)
    for path, text in tree.files.items():
        if in_file_name.search(os.path.basename(path)):
            yield f"{path}: a name that says nothing"
        code = re.sub(r"//.*", "", text)
        for match in declared.finditer(code):
            yield f"{path}: {match.group(1)} is a name that says nothing"
        forbidden = dict(table.FORBIDDEN_TEXT)
        if path.endswith("_test.cc") or path.startswith("tests/"):
            forbidden.update(table.FORBIDDEN_IN_TESTS)
        for pattern, instead in forbidden.items():
            match = re.search(pattern, code)
            if match:
                yield f"{path}: {match.group(0).strip()}; use {instead}"


def check_readmes(tree):
    counts = {}
    for path in tree.files:
        counts[folder_of(path)] = counts.get(folder_of(path), 0) + 1
    for folder, files in counts.items():
        readme = tree.readmes.get(folder)
        if readme is None and files > table.FILES_WITHOUT_README_MAX:
            yield f"{folder}: {files} files and no README.md"
        if readme and readme.count("\n") > table.README_LINES_MAX:
            yield f"{folder}/README.md: above {table.README_LINES_MAX} lines"


class Package:
    """What a BUILD file declares, found by running it with stand-ins."""

    def __init__(self, name, text):
        self.name = name
        self.targets = {}     # target name -> keyword arguments
        self.groups = {}      # package_group name -> packages
        self.visibility = []  # default_visibility

        def rule(**arguments):
            self.targets[arguments.get("name", "")] = arguments

        def group(name, packages=(), **_):
            self.groups[name] = list(packages)

        def package(default_visibility=(), **_):
            self.visibility = list(default_visibility)

        def protobuf(name, src, imports=(), **_):
            made = src[:-len(".proto")] + ".pb.h"
            self.targets[name] = {"hdrs": [made], "deps": []}

        def fuzz_test(name, srcs, deps, **_):
            self.targets[name] = {
                "srcs": srcs, "deps": deps + ["//tests/fuzz:seeds"]}

        known = {
            "varve_fuzz_test": fuzz_test,
            "load": lambda *_: None, "package": package,
            "package_group": group, "cc_protobuf": protobuf,
            "glob": lambda *_, **__: [], "exports_files": lambda *_, **__: None,
            "licenses": lambda *_: None,
            "select": lambda branches: [x for b in branches.values()
                                        for x in b],
        }
        for word in set(re.findall(r"^(\w+)\(", text, re.MULTILINE)):
            known.setdefault(word, rule)
        exec(compile(text, f"{name}/BUILD.bazel", "exec"),  # pylint: disable=exec-used
             {"__builtins__": {"True": True, "False": False, "None": None},
              **known})

    def files(self, target, *kinds):
        for kind in kinds:
            for file in self.targets[target].get(kind) or []:
                if not file.startswith((":", "//", "@")):
                    yield f"{self.name}/{file}"

    def deps(self, target):
        for dep in self.targets[target].get("deps") or []:
            yield absolute(dep, self.name)


def absolute(label, package):
    """//a/b:c for :c, //a/b and //a/b:c."""
    if label.startswith("//"):
        return label if ":" in label else (
            f"{label}:{label.rsplit('/', 1)[1]}")
    return f"//{package}:{label.lstrip(':')}"


def packages_of(tree):
    return {name: Package(name, text) for name, text in tree.builds.items()}


def check_targets(tree):
    """Every file is in a target, and targets depend on what they include."""
    owners = {}  # header -> labels
    named = set()
    packages = packages_of(tree)
    for package in packages.values():
        for target in package.targets:
            for path in package.files(target, "hdrs"):
                owners.setdefault(path, set()).add(
                    f"//{package.name}:{target}")
            named.update(package.files(target, "srcs", "hdrs"))
    for path in tree.files:
        if path not in named:
            yield f"{path}: is in no target"
    for package in packages.values():
        for target in package.targets:
            yield from check_deps(tree, packages, package, target, owners)


def check_deps(tree, packages, package, target, owners):
    own = set(package.files(target, "srcs", "hdrs"))
    label = f"//{package.name}:{target}"
    deps = set(package.deps(target))
    if target.endswith(("_test", "_fuzz")) or (
            package.targets[target].get("testonly")):
        deps = closure(packages, deps)
    for path in sorted(own):
        for included in own_includes(tree.files.get(path, "")):
            needed = owners.get(included)
            if included in own or not needed or label in needed:
                continue
            if not needed & deps:
                yield (f"{label}: {path} includes {included}, add "
                       f"{' or '.join(sorted(needed))}")


def closure(packages, labels):
    """The labels of ours that can be reached from `labels`."""
    found = set()
    rest = list(labels)
    while rest:
        label = rest.pop()
        name, _, target = label[2:].partition(":")
        if label in found or target not in getattr(
                packages.get(name), "targets", {}):
            continue
        found.add(label)
        rest.extend(packages[name].deps(target))
    return found


def sees(packages, folder):
    """Whether a list of package patterns has `folder`."""
    for pattern in packages:
        if pattern == "//visibility:public" or pattern.endswith(
                "//:__subpackages__"):
            return True
        bare = pattern[2:]
        if bare == folder or (bare.endswith("/...") and (
                folder + "/").startswith(bare[:-3])):
            return True
    return False


def standing_for(folder):
    """The folder, and those whose subject its generated headers are."""
    return [folder] + [whole for header, whole in table.PART_OF.items()
                       if folder_of(header) == folder]


def check_visibility(tree):
    """Who sees a folder in its BUILD file is who may include it."""
    for package in packages_of(tree).values():
        if package.name not in table.MAY_INCLUDE or package.name.startswith(
                "cmd/"):
            continue
        visible = []
        for entry in package.visibility:
            visible += package.groups.get(entry.lstrip(":"), [entry])
        if not package.visibility:
            yield f"{package.name}/BUILD.bazel: no default_visibility"
        for folder in table.MAY_INCLUDE:
            allowed = any(table.may_include(folder, p)
                          for p in standing_for(package.name))
            seen = sees(visible, folder)
            if folder == package.name or seen == allowed:
                continue
            if seen and table.row_of(package.name) <= 2:
                continue  # for its tests; check_includes is exact
            # Programs may be let in as one; check_includes is exact.
            if folder.startswith("cmd/") and (
                    seen or not sees(visible, "cmd/anything")):
                continue
            verb = "hides from" if allowed else "is visible to"
            yield f"{package.name}/BUILD.bazel: {verb} {folder}"


CHECKS = (check_includes, check_owners, check_folders, check_sizes,
          check_words, check_readmes, check_targets, check_visibility)


def problems(root):
    tree = Tree(root)
    return [text for check in CHECKS for text in check(tree)]
