// varve-inspect: prints a storage node's files as text and checks them.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "cmd/inspect/compare.h"
#include "cmd/inspect/dump.h"
#include "cmd/inspect/verify.h"
#include "lib/base/flags.h"
#include "lib/base/status.h"

namespace varve::inspect {
namespace {

constexpr int kExitUsage = 2;
constexpr const char* kUsage =
    "Usage: varve-inspect verify DIRECTORY\n"
    "         reads a node's directory or a snapshot against its checksums\n"
    "         and against itself; the node may run\n"
    "       varve-inspect dump FILE-OR-DIRECTORY\n"
    "         prints log segments, tables, parts.json as text\n"
    "       varve-inspect compare [flags] URL-A URL-B\n"
    "         asks two clusters, or a cluster and its restored backup, for\n"
    "         all samples, and says where they differ; -help has the flags\n"
    "Exit code 0: sound; 1: damaged, or it could not be read; 2: wrong use.\n"
    "Of compare 0: alike; 1: they differ; 2: could not be compared.\n";

int Run(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "compare") return Compare(argc - 2, argv + 2);
  if (argc != 3 || (verb != "verify" && verb != "dump")) {
    base::FlagSet flags("varve-inspect");
    if (verb.starts_with("-")) flags.ParseOrExit(argc, argv);
    std::fputs(kUsage, stderr);
    return kExitUsage;
  }
  const absl::StatusOr<bool> sound =
      verb == "verify" ? Verify(argv[2]) : Dump(argv[2]);
  if (!sound.ok()) {
    std::fprintf(stderr, "varve-inspect: %s\n",
                 std::string(base::Message(sound.status())).c_str());
    return EXIT_FAILURE;
  }
  return *sound ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace varve::inspect

int main(int argc, char** argv) { return varve::inspect::Run(argc, argv); }
