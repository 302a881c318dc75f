// varve-inspect: prints a storage node's files as text and checks them.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "cmd/inspect/block_dump.h"
#include "cmd/inspect/log_dump.h"
#include "lib/base/flags.h"
#include "lib/base/status.h"

namespace varve::inspect {
namespace {

constexpr int kExitUsage = 2;

// True when nothing is damaged.
absl::StatusOr<bool> InspectLog(const std::string& path, bool print) {
  ASSIGN_OR_RETURN(const LogSummary log, DumpLog(path + "/wal", print));
  std::printf("log: %lld segments, %lld records, %lld rows, %lld damaged\n",
              static_cast<long long>(log.segments),
              static_cast<long long>(log.records),
              static_cast<long long>(log.rows),
              static_cast<long long>(log.damaged));
  return log.damaged == 0;
}

absl::StatusOr<bool> InspectBlocks(const std::string& path, bool print,
                                   bool verify) {
  ASSIGN_OR_RETURN(const BlockSummary blocks, DumpBlocks(path, print, verify));
  std::printf(
      "blocks: %lld series days, %lld segments, %lld samples, %lld damaged\n",
      static_cast<long long>(blocks.series_days),
      static_cast<long long>(blocks.segments),
      static_cast<long long>(blocks.samples),
      static_cast<long long>(blocks.damaged));
  return blocks.damaged == 0;
}

absl::StatusOr<bool> Inspect(const std::string& path, const std::string& what) {
  if (what == "log") return InspectLog(path, true);
  if (what == "blocks") return InspectBlocks(path, true, false);
  if (what != "verify") {
    return base::InvalidArgument("-show is log, blocks or verify; got \"",
                                 what, "\"");
  }
  ASSIGN_OR_RETURN(const bool log, InspectLog(path, false));
  ASSIGN_OR_RETURN(const bool blocks, InspectBlocks(path, false, true));
  return log && blocks;
}

int Run(int argc, char** argv) {
  base::FlagSet flags("varve-inspect");
  const base::StringFlag& path = flags.String(
      "storageDataPath", "vmstorage-data", "Directory of a storage node");
  const base::StringFlag& show = flags.String(
      "show", "verify",
      "log: a line for each record of the log. blocks: one for each segment "
      "(the node must be stopped). verify: reads all of it against its "
      "checksums and tells what is damaged; exit code 1 then");
  flags.ParseOrExit(argc, argv);
  const absl::StatusOr<bool> sound = Inspect(path.value(), show.value());
  if (!sound.ok()) {
    std::fprintf(stderr, "varve-inspect: %s\n",
                 std::string(base::Message(sound.status())).c_str());
    return absl::IsInvalidArgument(sound.status()) ? kExitUsage : EXIT_FAILURE;
  }
  return *sound ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace varve::inspect

int main(int argc, char** argv) { return varve::inspect::Run(argc, argv); }
