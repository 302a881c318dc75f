"""The layering of the repository as data: who may include whom.

A folder may include itself, lib/base, and what its line names; from row 3 up
also lib/telemetry. `storage/*` stands for every folder below storage. Folders
of tests and bench may include everything.
"""

# Row of each folder, by its path or its first part; includes never point up.
ROWS = {
    "lib/base": 0,
    "lib/model": 1,
    "lib/encoding": 2, "lib/compress": 2, "lib/telemetry": 2, "proto": 2,
    "lib/histogram": 2, "lib/graphite": 2,
    "lib/protocol": 3, "lib/relabel": 3, "lib/promql": 3, "lib/rollup": 3,
    "lib/eval": 3, "lib/cluster": 3, "lib/wire": 3, "lib/placement": 3,
    "net": 3, "storage": 3,
    "lib/ingest": 4, "lib/query": 4, "lib/storenode": 4, "lib/repair": 4,
    "cmd": 5, "tests": 6, "bench": 6,
}

MAY_INCLUDE = {
    "lib/base": [],
    "lib/model": [],
    "lib/encoding": ["lib/model"],
    "lib/compress": [],
    "lib/telemetry": [],
    "proto": [],
    "lib/protocol": ["lib/model", "lib/compress", "proto"],
    # lib/promql for the selectors of `if`, see docs/decisions/0009.
    "lib/relabel": ["lib/promql", "lib/model"],
    "lib/promql": ["lib/model"],
    "lib/histogram": ["lib/model"],
    "lib/graphite": ["lib/model"],
    "lib/rollup": ["lib/histogram", "lib/model", "lib/encoding"],
    "lib/eval": ["lib/promql", "lib/rollup", "lib/histogram", "lib/model"],
    "lib/wire": ["lib/model", "lib/encoding", "lib/compress", "proto"],
    "lib/placement": ["lib/model"],
    # net/tcp for the Transport that dials, see docs/decisions/0004.
    "lib/cluster": ["lib/placement", "lib/wire", "net/rpc", "net/tcp",
                    "net/dns", "lib/model"],
    "lib/repair": ["lib/placement", "lib/wire", "net/rpc", "storage/engine",
                   "lib/model"],
    "lib/ingest": ["lib/protocol", "lib/relabel", "lib/cluster", "lib/wire",
                   "net/*", "lib/model"],
    "lib/query": ["lib/promql", "lib/eval", "lib/graphite", "lib/histogram", "lib/cluster",
                  "lib/compress", "lib/protocol", "lib/relabel", "lib/wire",
                  "net/*", "lib/model"],
    # lib/promql for the series filters in its flags.
    "lib/storenode": ["lib/wire", "lib/rollup", "lib/histogram", "lib/repair",
                      "lib/promql", "net/*", "storage/engine", "lib/model"],
    # The records of its log are those of the wire, see docs/decisions/0004.
    "storage/engine": ["storage/*", "lib/model", "lib/encoding"],
    "storage/head": ["lib/encoding", "lib/model"],
    "storage/wal": ["storage/fs", "lib/compress"],
    "storage/hints": ["storage/fs", "lib/compress", "storage/wal"],
    "storage/block": ["storage/kv", "lib/encoding", "lib/compress",
                      "lib/model"],
    "storage/index": ["storage/kv", "lib/encoding", "lib/model"],
    "storage/compaction": ["storage/kv", "storage/block", "storage/index",
                           "lib/model"],
    "storage/retention": ["storage/kv", "storage/block", "storage/index",
                          "storage/fs", "lib/model"],
    "storage/snapshot": ["storage/kv", "storage/wal", "storage/fs"],
    "storage/kv": [],
    "storage/fs": [],
    "net/tcp": ["lib/compress"],
    "net/dns": [],
    "net/http": ["net/tcp", "lib/compress"],
    "net/line": ["net/tcp"],
    "net/rpc": ["net/tcp", "lib/compress"],
}

# Generated headers that belong to another folder's subject: who may include
# that folder may include them.
PART_OF = {"proto/varve_rpc.pb.h": "lib/wire",
           "proto/result_cache.pb.h": "lib/query"}

# What a program wires together: its role, and what the role is made of.
_INSERT = ["lib/ingest", "lib/cluster", "lib/placement", "lib/relabel",
           "lib/wire", "net/*", "lib/model"]
_SELECT = ["lib/query", "lib/eval", "lib/cluster", "lib/placement",
           "lib/wire", "net/*", "lib/model"]
_STORAGE = ["lib/storenode", "lib/repair", "lib/wire", "storage/engine",
            "net/*", "lib/model"]
MAY_INCLUDE.update({
    "cmd/insert": _INSERT,
    "cmd/select": _SELECT,
    "cmd/storage": _STORAGE,
    "cmd/varve": _INSERT + _SELECT + _STORAGE + ["cmd/*"],
    # lib/protocol for what exports of clusters give.
    "cmd/inspect": ["storage/*", "lib/encoding", "lib/compress", "lib/wire",
                    "lib/protocol", "lib/cluster", "net/*", "lib/model"],
})

# Beginnings of includes of other people's libraries, and their sole owners.
OWNERS = {
    "rocksdb/": ["storage/kv"],
    "boost/": ["net/*"],
    "openssl/": ["net/*"],
    "prometheus/": ["lib/telemetry"],
    "snappy": ["lib/compress"],
    "zlib.h": ["lib/compress"],
    "zstd.h": ["lib/compress"],
    "lz4": ["lib/compress"],
    "xxh": ["lib/base"],
    "yaml-cpp/": ["lib/ingest", "lib/relabel"],
    "regex": [],  # std::regex backtracks; RE2 does not
}

# Words that must not be in our sources, and what to use instead.
FORBIDDEN_TEXT = {
    r"\babsl::(Mutex|Notification|CondVar)\b": "lib/base/mutex.h",
    r"\bstd::regex\b": "RE2",
}
# And in tests, where a sleep is a race or a waste.
FORBIDDEN_IN_TESTS = {
    r"\bsleep_for\b|\busleep\(|[^_]\bsleep\(": "a clock that tests set",
}

FORBIDDEN_NAME = r"(Utils?|Helpers?|Common|Manager)"

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
MAIN_LINES_MAX = 200
# A folder with more files needs a README of so many lines.
FILES_WITHOUT_README_MAX = 8
README_LINES_MAX = 20


def matches(folder, pattern):
    if pattern.endswith("/*"):
        return folder.startswith(pattern[:-1])
    return folder == pattern


def row_of(folder):
    return ROWS.get(folder, ROWS.get(folder.split("/")[0]))


def may_include(folder, target):
    """Whether a file of `folder` may include one of `target`."""
    if folder == target or target == "lib/base":
        return True
    if folder.startswith(("tests", "bench")):
        return True
    if target == "lib/telemetry":
        return row_of(folder) >= 3
    return any(matches(target, p) for p in MAY_INCLUDE.get(folder, []))
