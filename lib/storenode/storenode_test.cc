#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "lib/base/clock.h"
#include "lib/base/strings.h"
#include "lib/storenode/test_node.h"
#include "lib/wire/convert.h"
#include "lib/wire/hello.h"

namespace varve::storenode {
namespace {

namespace fs = std::filesystem;

TEST_CASE("rows go in by DATA and come out by SEARCH", "[storenode]") {
  TestNode node;
  const auto defined = node.Define({{"__name__", "up"}, {"job", "a"}});
  const int64_t now_ms = base::SystemClock().NowMs();
  const proto::Ack ack =
      node.Data(defined.ref_epoch(), defined.refs(0), now_ms, 1.5);
  CHECK(ack.rows() == 1);
  CHECK_FALSE(ack.redefine());
  proto::Coverage coverage;
  const auto found = node.Search(coverage);
  REQUIRE(found.size() == 1);
  CHECK(found[0].samples.timestamps_ms == std::vector<int64_t>{now_ms});
  CHECK(found[0].samples.values == std::vector<double>{1.5});
  CHECK(found[0].hash == model::HashSeries(kTestTenant, found[0].labels));
  CHECK(coverage.node_id() == node.role->engine().node_id());
  CHECK(coverage.coverage_version() == ack.coverage_version());
  CHECK_FALSE(coverage.damaged());
  CHECK_FALSE(coverage.dedup_keep_all());
  const auto hello = wire::DecodeHello(node.inserts->peer_hello());
  REQUIRE(hello.ok());
  CHECK(hello->node_id == coverage.node_id());
  CHECK(hello->ref_epoch == defined.ref_epoch());
}

// What an answer has of the one series' job; nothing when it says that some may
// be missing.
std::optional<int64_t> JobsOf(TestNode& node, wire::Method method, bool digests) {
  if (method == wire::kLabels) {
    proto::LabelsRequest request;
    wire::ToProto(kTestTenant, *request.mutable_tenant());
    request.set_end_ms(model::kTimestampMaxMs);
    request.set_label("job");
    const auto answer =
        node.Call(*node.selects, method, request.SerializeAsString());
    INFO(answer.status());
    REQUIRE(answer.ok());
    proto::LabelsResponse response;
    REQUIRE(response.ParseFromString(*answer));
    if (response.coverage().damaged()) return std::nullopt;
    return response.items_size();
  }
  proto::CardinalityRequest request;
  wire::ToProto(kTestTenant, *request.mutable_tenant());
  request.set_end_ms(model::kTimestampMaxMs);
  request.set_digests(digests);
  const auto answer =
      node.Call(*node.selects, method, request.SerializeAsString());
  INFO(answer.status());
  REQUIRE(answer.ok());
  proto::CardinalityResponse response;
  REQUIRE(response.ParseFromString(*answer));
  if (response.coverage().damaged()) return std::nullopt;
  return digests ? response.digest_slots_size() : response.total_series();
}

// A node whose one series is in tables on disk, of which one is damaged at a
// time.
class NodeOfTables : public TestNode {
 public:
  NodeOfTables() {
    const auto defined = Define({{"__name__", "up"}, {"job", "a"}});
    Data(defined.ref_epoch(), defined.refs(0), base::SystemClock().NowMs(),
         1.5);
    REQUIRE(role->engine().Flush().ok());
    // Memtables to tables: a checkpoint does that.
    const auto snapshot = role->engine().CreateSnapshot();
    REQUIRE(snapshot.ok());
    REQUIRE(role->engine().DeleteSnapshot(*snapshot).ok());
    Close();
    fs::copy(path, image_, fs::copy_options::recursive);
    Open();
  }
  ~NodeOfTables() { fs::remove_all(image_); }

  // "index/000012.sst"
  std::vector<std::string> Tables(const std::string& folder) const {
    std::vector<std::string> tables;
    for (const auto& entry : fs::directory_iterator(image_ + "/" + folder)) {
      if (entry.path().extension() != ".sst") continue;
      tables.push_back(
          base::StrCat(folder, "/", entry.path().filename().string()));
    }
    return tables;
  }
  // Starts it again with this one damaged and no other.
  void Damage(const std::string& table) {
    Close();
    fs::remove_all(path);
    fs::copy(image_, path, fs::copy_options::recursive);
    {
      std::fstream file(path + "/" + table,
                        std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(4);
      file.write("\xff\xff\xff\xff", 4);
      REQUIRE(file.good());
    }
    Open();
  }

 private:
  const std::string image_ = path + "-image";
};

TEST_CASE("the read that meets a damaged table of the index says so",
          "[storenode]") {
  NodeOfTables node;
  const std::vector<std::string> tables = node.Tables("index");
  CHECK(tables.size() >= 5);
  int told = 0;
  for (const std::string& table : tables) {
    for (const auto& [method, digests] :
         {std::pair{wire::kLabels, false}, std::pair{wire::kCardinality, false},
          std::pair{wire::kCardinality, true}}) {
      CAPTURE(table, int{method}, digests);
      node.Damage(table);
      const auto jobs = JobsOf(node, method, digests);
      if (jobs) CHECK(*jobs == 1);
      told += !jobs;
    }
  }
  CHECK(told > 3);  // more than those that the start has met
}

// How many series a node gives of a plan that has been made just now.
absl::StatusOr<size_t> SeriesOfPlan(TestNode& node) {
  absl::StatusOr<size_t> found = absl::AbortedError("not begun");
  while (absl::IsAborted(found.status())) {  // it may note damage meanwhile
    const auto told = node.Call(*node.selects, wire::kCoverage, "");
    REQUIRE(told.ok());
    proto::Coverage coverage;
    REQUIRE(coverage.ParseFromString(*told));
    proto::SearchRequest request;
    wire::ToProto(kTestTenant, *request.mutable_tenant());
    request.set_end_ms(model::kTimestampMaxMs);
    request.set_coverage_version(coverage.coverage_version());
    const auto call =
        node.selects->Start(wire::kSearch, request.SerializeAsString());
    found = size_t{0};
    while (found.ok()) {
      const auto message = call->Next(base::SystemClock().SteadyMs() + 30'000);
      if (!message.ok()) {
        found = message.status();
        break;
      }
      if (!message->has_value()) break;
      const auto batch = wire::DecodeSeriesBatch(**message);
      REQUIRE(batch.ok());
      CHECK_FALSE(batch->coverage.damaged());
      *found += batch->series.size();
    }
  }
  return found;
}

TEST_CASE("a node's part of a plan ends at damage, before what lacks samples",
          "[storenode]") {
  NodeOfTables node;
  CHECK(SeriesOfPlan(node).value() == 1);
  int told = 0;
  for (const std::string& table : node.Tables("data")) {
    CAPTURE(table);
    node.Damage(table);
    const auto found = SeriesOfPlan(node);
    // Who merges all copies takes what there is.
    proto::Coverage coverage;
    const auto all = node.Search(coverage);
    if (found.ok()) {
      CHECK(*found == 1);
      CHECK(all.size() == 1);
    } else {
      CHECK(absl::IsDataLoss(found.status()));
      CHECK(coverage.damaged());
      ++told;
    }
  }
  CHECK(told > 0);
}

TEST_CASE("refs of another epoch or of nobody are to be redefined",
          "[storenode]") {
  TestNode node;
  const auto defined = node.Define({{"__name__", "up"}});
  const int64_t now_ms = base::SystemClock().NowMs();
  CHECK(node.Data(defined.ref_epoch() + 1, defined.refs(0), now_ms, 1)
            .redefine());
  CHECK(node.Data(defined.ref_epoch(), defined.refs(0) + 1, now_ms, 1)
            .redefine());
  proto::Coverage coverage;
  CHECK(node.Search(coverage).empty());
}

TEST_CASE("bad messages are refused and the node lives on", "[storenode]") {
  TestNode node;
  CHECK(absl::IsInvalidArgument(
      node.Call(*node.inserts, wire::kDefine, "\xff").status()));
  CHECK(absl::IsDataLoss(
      node.Call(*node.inserts, wire::kData, "short").status()));
  CHECK(absl::IsInvalidArgument(
      node.Call(*node.inserts, wire::kMissed, "").status()));
  proto::Missed of_nobody_yet;
  of_nobody_yet.add_slots(5);
  CHECK(node.Call(*node.inserts, wire::kMissed,
                  of_nobody_yet.SerializeAsString())
            .ok());
  CHECK(absl::IsUnimplemented(
      node.Call(*node.inserts, wire::kDelete, "").status()));
  CHECK(absl::IsUnimplemented(
      node.Call(*node.selects, wire::kData, "").status()));
  CHECK(node.Call(*node.selects, wire::kPing, "").ok());
}

TEST_CASE("a series that cannot be is refused, its neighbours are defined",
          "[storenode]") {
  TestNode node;
  proto::DefineRequest request;  // the first has labels out of order
  request.add_series()->set_labels("\x01z\x01" "1\x01" "a\x01" "1");
  request.add_series()->set_labels("\x01" "a\x01" "1");
  const auto answer =
      node.Call(*node.inserts, wire::kDefine, request.SerializeAsString());
  REQUIRE(answer.ok());
  proto::DefineResponse response;
  REQUIRE(response.ParseFromString(*answer));
  REQUIRE(response.refs_size() == 2);
  REQUIRE(response.refused_size() == 2);
  CHECK(response.refs(0) == 0);
  CHECK(response.refused(0) ==
        static_cast<uint32_t>(model::Refusal::kInvalidLabels));
  CHECK(response.refs(1) == 1);
  CHECK(response.refused(1) == 0);
}

TEST_CASE("metrics are there from the start and count rows", "[storenode]") {
  TestNode node;
  for (const char* line :
       {"\nvm_vminsert_metrics_read_total 0\n",
        "\nvm_new_timeseries_created_total 0\n",
        "\nvm_cache_entries{type=\"storage/hour_metric_ids\"} 0\n",
        "\nvm_hourly_series_limit_max_series 0\n",
        "\nvm_daily_series_limit_rows_dropped_total 0\n",
        "\nvm_rows_ignored_total{reason=\"small_timestamp\"} 0\n",
        "\nvm_rows{type=\"storage/small\"} 0\n"}) {
    CAPTURE(line);
    CHECK(base::StrCat("\n", node.metrics->Text()).find(line) !=
          std::string::npos);
  }
  CHECK(node.metrics->Text().find(base::StrCat(
            "vm_storage_is_read_only{path=\"", node.path, "\"} 0\n")) !=
        std::string::npos);
}

}  // namespace
}  // namespace varve::storenode
