// What the log gives back after a stop, a kill, a power cut and damage.
#include <bit>
#include <cstdlib>
#include <random>

#include "storage/engine/log_record.h"
#include "storage/engine/test_node.h"
#include "storage/wal/wal.h"
#include "tests/support/becomes_true.h"

namespace varve::storage {
namespace {

using model::SampleColumns;

struct Node : TestNode {
  Node() { options.file_system = &disk; }
  // As a power cut: what was not synced is gone, the marker is not written.
  void Crash() {
    disk.Crash();
    engine.reset();
    REQUIRE(disk.Remove(JoinPath(options.path, "clean_shutdown")).ok());
  }
  static std::string Labels(const std::string& name) {
    std::string canonical;
    model::AppendCanonicalBytes(canonical, {{"__name__", name}});
    return canonical;
  }
  uint64_t Define(const std::string& name) {
    return TestNode::Define({{"__name__", name}});
  }
  absl::Status Append(uint64_t id, int64_t at_ms, double value,
                      AckLevel ack = AckLevel::kDurable) {
    return TryAppend(id, Samples({{at_ms, value}}), kTenant, ack).status();
  }
  // Complete or not: these tests damage what it would have.
  Answer Search() {
    Answer out;
    REQUIRE(TrySearch(out).ok());
    return out;
  }
  std::string WalDir() const { return JoinPath(options.path, "wal"); }
  // The records of the closed node's log, by type, and where they lie.
  std::vector<std::pair<std::string, size_t>> Find(RecordType type) {
    std::vector<std::pair<std::string, size_t>> found;
    const std::vector<std::string> names = *disk.List(WalDir());
    for (const std::string& name : names) {
      const auto header = ParseSegmentFileName(name);
      if (!header) continue;
      const std::string path = JoinPath(WalDir(), name);
      const std::string bytes = *disk.ReadWhole(path, 1 << 30);
      for (size_t at = kSegmentHeaderBytes; at < bytes.size();) {
        const auto record =
            ParseRecord(std::string_view(bytes).substr(at),
                        header->position + at - kSegmentHeaderBytes);
        if (!record.ok()) break;
        if (record->type == type) found.emplace_back(path, at);
        at += record->bytes;
      }
    }
    return found;
  }
  void Damage(const std::pair<std::string, size_t>& place) {
    std::string bytes = *disk.ReadWhole(place.first, 1 << 30);
    bytes[place.second + kRecordHeaderBytes + 1] ^= 0x20;
    REQUIRE(disk.WriteFileDurably(place.first, bytes).ok());
  }
  // Adds records to the closed node's log behind the engine's back.
  void AddToLog(RecordType type, const std::string& payload) {
    struct Nothing final : WalReplay {
      absl::Status Replay(std::span<const WalRecord>) override {
        return absl::OkStatus();
      }
      void Lost(uint64_t, uint64_t) override {}
    } nothing;
    auto wal = Wal::Open(disk, WalDir(), {}, 0, nothing);
    REQUIRE(wal.ok());
    REQUIRE((*wal)->Append(type, payload).ok());
    REQUIRE((*wal)->Sync().ok());
  }
};

size_t Rows(const TestNode::Answer& found) {
  size_t rows = 0;
  for (const auto& [name, samples] : found) rows += samples.size();
  return rows;
}

TEST_CASE("a power cut loses nothing acknowledged durable", "[engine]") {
  Node node;
  node.Open();
  const uint64_t id = node.Define("up");
  REQUIRE(node.Append(id, kNowMs, 1).ok());
  REQUIRE(node.Append(id, kNowMs + 1, 2).ok());
  node.Crash();
  node.Open();
  CheckSame(node.Search()["up"], Samples({{kNowMs, 1}, {kNowMs + 1, 2}}));
}

TEST_CASE("rows acknowledged as written are fsynced soon", "[engine][slow]") {
  Node node;
  node.Open();
  const uint64_t id = node.Define("up");
  const int64_t before = node.engine->Stats().fsyncs;
  REQUIRE(node.Append(id, kNowMs, 1, AckLevel::kWritten).ok());
  REQUIRE(tests::BecomesTrue(
      [&] { return node.engine->Stats().fsyncs > before; }));
  node.Crash();
  node.Open();
  CheckSame(node.Search()["up"], Samples({{kNowMs, 1}}));
}

TEST_CASE("a replay under a clock that lags loses nothing", "[engine]") {
  Node node;
  node.Open();
  const uint64_t id = node.Define("up");
  REQUIRE(node.Append(id, kNowMs, 1).ok());
  node.engine.reset();
  node.clock.Set(0);  // a machine before its first word with a time server
  node.Open();
  REQUIRE(node.engine->Flush().ok());
  node.clock.Set(kNowMs);
  CheckSame(node.Search()["up"], Samples({{kNowMs, 1}}));
}

TEST_CASE("rows lost to damage are told until they expire", "[engine]") {
  Node node;
  node.Open();
  const uint64_t id = node.Define("up");
  REQUIRE(node.Append(id, kNowMs, 1).ok());
  REQUIRE(node.Append(id, kNowMs + 1000, 2).ok());
  REQUIRE(node.Append(id, kNowMs + 2000, 3).ok());
  CHECK_FALSE(node.engine->MayLack(kAllTime));
  const uint64_t epoch = node.engine->ref_epoch();
  node.engine.reset();
  const auto data = node.Find(RecordType::kData);
  REQUIRE(data.size() == 3);
  node.Damage(data[1]);

  node.Open();
  CHECK(Rows(node.Search()) == 2);
  CHECK(node.engine->MayLack({kNowMs + 1000, kNowMs + 1000}));
  CHECK_FALSE(node.engine->MayLack({0, kNowMs - 1}));
  CHECK_FALSE(node.engine->MayLack({kNowMs + 2001, kNowMs + 9000}));
  CHECK(node.engine->ref_epoch() != epoch);
  CHECK(node.engine->Stats().corrupt_blocks == 1);
  // Also when the damaged log is gone.
  REQUIRE(node.engine->Flush().ok());
  node.Open();
  CHECK(Rows(node.Search()) == 2);
  CHECK(node.engine->MayLack({kNowMs, kNowMs}));
  CHECK(node.engine->Stats().corrupt_blocks == 0);
}

TEST_CASE("only rows whose DEFINE is lost are left out", "[engine]") {
  Node node;
  node.Open();
  const uint64_t kept = node.Define("kept");
  const uint64_t gone = node.Define("gone");
  encoding::DataRecordBuilder builder;
  builder.Start(1, kNowMs);
  const std::vector<int64_t> times = {kNowMs, kNowMs + 1};
  const std::vector<double> values = {1, 2};
  builder.Add(kTenant.kind, kTenant.id, gone, times, values);
  builder.Add(kTenant.kind, kTenant.id, kept, times, values);
  REQUIRE(node.engine->Append(builder.Finish(), AckLevel::kDurable).ok());
  node.engine.reset();
  const auto defines = node.Find(RecordType::kDefine);
  REQUIRE(defines.size() == 2);
  node.Damage(defines[1]);

  node.Open();
  const auto found = node.Search();
  REQUIRE(found.size() == 1);
  CHECK(found.begin()->second.timestamps_ms == times);
  CHECK(found.begin()->second.values == values);
  CHECK(node.engine->MayLack({kNowMs, kNowMs}));
  // A new DEFINE gives it another ref; the flush finds all of them.
  const uint64_t again = node.Define("gone");
  CHECK(again != gone);
  REQUIRE(node.Append(again, kNowMs + 5, 3).ok());
  REQUIRE(node.engine->Flush().ok());
  CHECK(Rows(node.Search()) == 3);
}

TEST_CASE("a series the index knows by another id keeps its rows", "[engine]") {
  Node node;
  node.Open();
  const uint64_t id = node.Define("up");
  REQUIRE(node.Append(id, kNowMs, 1).ok());
  node.engine.reset();
  std::string define;
  const std::string labels = Node::Labels("up");
  AppendDefinition(define,
                   {.id = id + 10, .tenant = kTenant, .labels = labels});
  node.AddToLog(RecordType::kDefine, define);
  node.AddToLog(RecordType::kData,
                node.Record(id + 10, Samples({{kNowMs + 1, 2}})));

  node.Open();
  CHECK(Rows(node.Search()) == 2);
  CHECK(node.Search().size() == 1);
  REQUIRE(node.engine->Flush().ok());
  node.Open();
  CHECK(Rows(node.Search()) == 2);
}

TEST_CASE("a record of a newer release stops the start", "[engine]") {
  Node node;
  node.Open();
  node.engine.reset();
  node.AddToLog(static_cast<RecordType>(77), "who knows");
  const absl::Status status = node.TryOpen();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(status.message().find("77") != absl::string_view::npos);
}

TEST_CASE("a record stored as it came packed is replayed", "[engine]") {
  Node node;
  node.Open();
  const uint64_t id = node.Define("up");
  encoding::DataRecordBuilder builder;
  builder.Start(1, kNowMs);
  std::vector<int64_t> times;
  for (int i = 0; i < 500; ++i) times.push_back(kNowMs + i);
  const std::vector<double> values(times.size(), 7);
  builder.Add(kTenant.kind, kTenant.id, id, times, values);
  const std::string record = builder.Finish();
  const std::string packed = PackPayload(record);
  REQUIRE_FALSE(packed.empty());
  const int64_t before = node.engine->Stats().wal_bytes;
  REQUIRE(node.engine->Append(record, packed, AckLevel::kDurable).ok());
  CHECK(node.engine->Stats().wal_bytes <
        before + static_cast<int64_t>(packed.size()) + 64);
  node.Crash();
  node.Open();
  CHECK(node.Search().begin()->second.timestamps_ms == times);
  CHECK(node.Search().begin()->second.values == values);
}

TEST_CASE("the same rows twice are one sample each, wherever the flush fell",
          "[engine]") {
  Node node;
  node.Open();
  const uint64_t id = node.Define("up");
  const auto write = [&] {
    for (int i = 0; i < 3; ++i) {
      REQUIRE(node.Append(id, kNowMs + i, i).ok());
    }
  };
  write();
  write();
  CHECK(Rows(node.Search()) == 3);
  REQUIRE(node.engine->Flush().ok());
  write();
  CHECK(Rows(node.Search()) == 3);
  node.Crash();
  node.Open();
  write();
  CHECK(Rows(node.Search()) == 3);
  REQUIRE(node.engine->Flush().ok());
  CHECK(Rows(node.Search()) == 3);
}

TEST_CASE("after a failed fsync no level is acknowledged", "[engine]") {
  Node node;
  node.Open();
  const uint64_t id = node.Define("up");
  REQUIRE(node.Append(id, kNowMs, 1).ok());
  CHECK_FALSE(node.engine->Stats().log_failed);
  node.disk.FailSyncs(1);
  CHECK_FALSE(node.Append(id, kNowMs + 1, 2).ok());
  for (const AckLevel ack :
       {AckLevel::kDurable, AckLevel::kWritten, AckLevel::kMemory}) {
    CHECK(absl::IsUnavailable(node.Append(id, kNowMs + 2, 3, ack)));
  }
  CHECK_FALSE(node.engine->PutState("ring/1", "x").ok());
  CHECK(node.engine->Stats().log_failed);
  CHECK(node.engine->Stats().read_only);
  CHECK(Rows(node.Search()) >= 1);
}

TEST_CASE("a log that no flush cuts refuses writes at its bound", "[engine]") {
  Node node;
  node.options.wal_bytes_max = 1 << 10;
  node.options.flush_hook = [](FlushStep step) {
    return step != FlushStep::kCut;
  };
  node.Open();
  const uint64_t id = node.Define("up");
  encoding::DataRecordBuilder builder;
  absl::Status status;
  std::mt19937_64 random(1);
  int64_t at_ms = kNowMs;
  for (int i = 0; i < 100 && status.ok(); ++i) {
    builder.Start(1, kNowMs);
    std::vector<int64_t> times;
    std::vector<double> values;
    for (int k = 0; k < 200'000; ++k) {
      times.push_back(at_ms);
      values.push_back(std::bit_cast<double>(random() >> 2));
    }
    ++at_ms;
    builder.Add(kTenant.kind, kTenant.id, id, times, values);
    status = node.engine->Append(builder.Finish(), AckLevel::kWritten).status();
  }
  CHECK(absl::IsResourceExhausted(status));
  CHECK(status.message().find("-storage.maxLogBytes") !=
        absl::string_view::npos);
  CHECK(node.engine->Stats().wal_bytes < 80 << 20);
}

TEST_CASE("a node knows how its last process ended", "[engine]") {
  Node node;
  node.Open();
  CHECK_FALSE(node.engine->Stats().unclean_shutdown);
  const uint64_t id = node.Define("up");
  REQUIRE(node.Append(id, kNowMs, 1).ok());
  REQUIRE(node.engine->Close().ok());
  node.Open();
  CHECK_FALSE(node.engine->Stats().unclean_shutdown);
  REQUIRE(node.Append(id, kNowMs + 1, 2).ok());
  node.Crash();
  node.Open();
  CHECK(node.engine->Stats().unclean_shutdown);
  CHECK_FALSE(node.engine->MayLack(kAllTime));
}

TEST_CASE("the end of a closed node's log is missed when cut off", "[engine]") {
  Node node;
  node.Open();
  const uint64_t id = node.Define("up");
  REQUIRE(node.Append(id, kNowMs, 1).ok());
  REQUIRE(node.Append(id, kNowMs + 1, 2).ok());
  REQUIRE(node.engine->Close().ok());
  node.engine.reset();
  const auto last = node.Find(RecordType::kData).back();
  const std::string bytes = *node.disk.ReadWhole(last.first, 1 << 30);
  REQUIRE(node.disk.WriteFileDurably(last.first, bytes.substr(0, last.second))
              .ok());
  node.clock.Advance(1000);
  node.Open();
  CHECK(Rows(node.Search()) == 1);
  CHECK(node.engine->MayLack({kNowMs + 1, kNowMs + 1}));
}

// The kill loop without processes: power cuts at random points between writes,
// flushes that end at any step, and restarts.
TEST_CASE("power cuts at random lose nothing acknowledged", "[engine][slow]") {
  const char* text = std::getenv("VARVE_SEED");
  const uint64_t seed =
      text != nullptr ? std::stoull(text) : std::random_device()();
  const int rounds = std::getenv("VARVE_LONG") != nullptr ? 300 : 12;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Node node;
  int stop_at = -1;
  node.options.flush_hook = [&](FlushStep step) {
    return static_cast<int>(step) != stop_at;
  };
  std::map<std::string, std::map<int64_t, double>> acknowledged;
  int64_t at_ms = kNowMs;
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    node.Open();
    CHECK_FALSE(node.engine->MayLack(kAllTime));
    std::map<std::string, std::map<int64_t, double>> found;
    for (const auto& [name, samples] : node.Search()) {
      for (size_t i = 0; i < samples.size(); ++i) {
        CHECK(found[name]
                  .emplace(samples.timestamps_ms[i], samples.values[i])
                  .second);
      }
    }
    for (const auto& [name, samples] : acknowledged) {
      for (const auto& [when, value] : samples) {
        REQUIRE(found[name].contains(when));
        CHECK(found[name][when] == value);
      }
    }
    std::map<std::string, std::vector<std::pair<int64_t, double>>> written;
    for (uint64_t i = random() % 40; i > 0; --i) {
      const std::string name = "series" + std::to_string(random() % 20);
      const uint64_t id = node.Define(name);
      // Late rows, other days, repeats.
      at_ms += 1000;
      const int64_t when =
          random() % 4 == 0
              ? at_ms - static_cast<int64_t>(random() % (5 * model::kDayMs))
              : at_ms;
      node.clock.Set(at_ms);
      const auto value = static_cast<double>(when % 1000);
      const bool durable = random() % 3 != 0;
      REQUIRE(node.Append(id, when, value,
                          durable ? AckLevel::kDurable : AckLevel::kWritten)
                  .ok());
      const std::string key(
          model::ParseCanonicalBytes(Node::Labels(name))->Text());
      written[key].emplace_back(when, value);
      if (!durable) continue;
      // One fsync covers all that was written before it.
      for (auto& [other, samples] : written) {
        acknowledged[other].insert(samples.begin(), samples.end());
      }
      written.clear();
      if (random() % 10 == 0) {
        stop_at = static_cast<int>(random() % 6) - 1;
        const absl::Status flushed = node.engine->Flush();
        CHECK(flushed.ok() == (stop_at < 0 || stop_at > 3));
        if (!flushed.ok()) break;
      }
    }
    stop_at = -1;
    node.Crash();
  }
}

}  // namespace
}  // namespace varve::storage
