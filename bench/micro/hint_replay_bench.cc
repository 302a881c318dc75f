// Hints out to a node that is back: from the holder's hint log over a socket
// into the owner's log and head, both in this process.
//
//   hint_replay_bench [series [scrapes]]
//
// Rows come as an insert node sends them: 10,000 a record, packed with LZ4.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "bench/micro/bench_report.h"
#include "lib/base/clock.h"
#include "lib/base/flags.h"
#include "lib/compress/compress.h"
#include "lib/encoding/data_record.h"
#include "lib/model/label.h"
#include "lib/storenode/storage_role.h"
#include "lib/telemetry/metrics.h"
#include "net/rpc/tcp_server.h"
#include "net/tcp/event_loop.h"
#include "net/tcp/transport.h"
#include "proto/varve_rpc.pb.h"
#include "storage/engine/hints.h"

namespace varve::storenode {
namespace {

constexpr int64_t kStepMs = 15'000;
constexpr size_t kRecordSeries = 10'000;
constexpr uint64_t kRing = 1;

double Seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct Node {
  std::string path;
  base::FlagSet flag_set{"bench"};
  StorageFlags flags{flag_set, ""};
  std::unique_ptr<telemetry::Metrics> metrics;
  std::unique_ptr<StorageRole> role;

  Node() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "hints-XXXXXX").string();
    path = mkdtemp(pattern.data());
    int exit_code = 0;
    if (!flag_set.Parse({"-storageDataPath=" + path}, &exit_code).ok()) {
      std::abort();
    }
    metrics = std::make_unique<telemetry::Metrics>("vmstorage", &flag_set);
    auto opened = StorageRole::Open(
        {.flags = &flags, .metrics = metrics.get(), .service = {}});
    if (!opened.ok()) std::abort();
    role = *std::move(opened);
  }
  ~Node() {
    role->Close().IgnoreError();
    role.reset();
    std::filesystem::remove_all(path);
  }
};

// Counters, gauges and constants, as exporters have them.
double ValueOf(size_t series, int scrape, std::mt19937_64& random) {
  const auto s = static_cast<double>(series % 977);
  switch (series % 4) {
    case 0:
    case 1:
      return s;
    case 2:
      return s * 1000 + scrape * (s + 1);
    default:
      return (s * 5000 + static_cast<double>(random() % 6'000)) / 100;
  }
}

void FillHints(storage::Hints& hints, uint64_t owner, size_t series,
               int scrapes) {
  std::vector<std::string> labels(series);
  std::vector<storage::SeriesDefinition> definitions;
  for (size_t i = 0; i < series; ++i) {
    model::AppendCanonicalBytes(
        labels[i], {{"__name__", "metric_" + std::to_string(i % 500)},
                    {"instance", "host-" + std::to_string(i / 500) + ":9100"},
                    {"job", "node"}});
    definitions.push_back({{0, 0}, labels[i]});
  }
  std::vector<uint64_t> refs;
  const auto log = hints.Define(owner, definitions, refs);
  if (!log.ok()) std::abort();
  std::mt19937_64 random{20261122};
  const int64_t end_ms = base::SystemClock().NowMs();
  for (int scrape = 0; scrape < scrapes; ++scrape) {
    const int64_t at_ms = end_ms - (scrapes - scrape) * kStepMs;
    for (size_t i = 0; i < series; i += kRecordSeries) {
      encoding::DataRecordBuilder builder;
      builder.Start(kRing, at_ms);
      for (size_t k = i; k < std::min(series, i + kRecordSeries); ++k) {
        const double value = ValueOf(k, scrape, random);
        builder.Add(0, 0, refs[k], std::span(&at_ms, 1),
                    std::span(&value, 1));
      }
      const std::string record = builder.Finish();
      std::string packed;
      compress::Lz4Compress(record, packed);
      const auto taken = hints.Append(owner, *log, record, packed,
                                      storage::AckLevel::kWritten);
      if (!taken.ok() || !*taken) std::abort();
    }
  }
}

void Run(size_t series, int scrapes) {
  net::EventLoop loop;
  net::Transport transport(&loop);
  Node holder;
  Node owner;
  auto server =
      rpc::TcpServer::Start(&transport, &owner.role->insert_service(),
                            {.address = "127.0.0.1:0"});
  if (!server.ok()) std::abort();
  const uint64_t owner_id = owner.role->engine().node_id();
  proto::Ring ring;
  ring.set_ring_id(kRing);
  ring.add_members()->set_node_id(owner_id);
  ring.mutable_members(0)->set_address((*server)->address());
  if (!holder.role->kept_state().PutRing(ring).ok()) std::abort();
  storage::Hints& hints = holder.role->engine().hints();
  FillHints(hints, owner_id, series, scrapes);
  // Counted when the owner has fsynced them.
  const telemetry::Counter& replayed =
      holder.metrics->AddCounter("varve_hints_replayed_rows_total");
  const auto rows = static_cast<int64_t>(series) * scrapes;
  const double cpu_begin = bench::CpuNanoseconds();
  const double begin = Seconds();
  const auto repair = holder.role->StartRepair(&transport);
  while (replayed.value() < rows) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const double seconds = Seconds() - begin;
  const auto samples = static_cast<double>(rows);
  std::printf("hint replay, %zu series, %d scrapes: %.2f M samples/s, "
              "%.1f ns/sample CPU of both nodes\n",
              series, scrapes, samples / seconds / 1e6,
              (bench::CpuNanoseconds() - cpu_begin) / samples);
  (*server)->Stop(absl::Milliseconds(500));
}

}  // namespace
}  // namespace varve::storenode

int main(int argc, char** argv) {
  const size_t series = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000;
  const int scrapes = argc > 2 ? std::atoi(argv[2]) : 4;
  varve::storenode::Run(series, scrapes);
}
