#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "lib/base/clock.h"
#include "lib/base/flags.h"
#include "lib/base/strings.h"
#include "lib/model/label.h"
#include "lib/model/time_range.h"
#include "lib/rollup/group_columns.h"
#include "lib/storenode/storage_role.h"
#include "lib/wire/convert.h"
#include "lib/wire/data_frame_builder.h"
#include "lib/wire/hello.h"
#include "lib/wire/methods.h"
#include "lib/wire/series_batch.h"
#include "net/rpc/local_channel.h"

namespace varve::storenode {
namespace {

constexpr model::TenantId kTenant{0, 5};

struct Node {
  std::string path;
  base::FlagSet flag_set{"test"};
  StorageFlags flags{flag_set, ""};
  std::unique_ptr<telemetry::Metrics> metrics;
  std::unique_ptr<StorageRole> role;
  std::unique_ptr<rpc::LocalChannel> inserts;
  std::unique_ptr<rpc::LocalChannel> selects;

  explicit Node(std::vector<std::string> args = {}) {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "storenode-XXXXXX").string();
    path = mkdtemp(pattern.data());
    args.push_back("-storageDataPath=" + path);
    args.push_back("-memory.allowedBytes=256MiB");
    int exit_code = 0;
    REQUIRE(flag_set.Parse(args, &exit_code).ok());
    Open();
  }
  ~Node() {
    Close();
    std::filesystem::remove_all(path);
  }
  void Open() {
    metrics = std::make_unique<telemetry::Metrics>("vmstorage", &flag_set);
    auto opened = StorageRole::Open(
        {.flags = &flags, .metrics = metrics.get(), .service = {}});
    INFO(opened.status());
    REQUIRE(opened.ok());
    role = *std::move(opened);
    inserts = std::make_unique<rpc::LocalChannel>(
        "local", &role->insert_service(), wire::EncodeHello("insert", ""));
    selects = std::make_unique<rpc::LocalChannel>(
        "local", &role->select_service(), wire::EncodeHello("select", ""));
    REQUIRE(inserts->connected());
  }
  void Close() {
    inserts.reset();
    selects.reset();
    if (role != nullptr) CHECK(role->Close().ok());
    role.reset();
    metrics.reset();
  }

  absl::StatusOr<std::string> Call(rpc::Channel& channel, wire::Method method,
                                   std::string payload) {
    return rpc::CallOnce(channel, method, std::move(payload),
                         base::SystemClock().SteadyMs() + 30'000);
  }
  proto::DefineResponse Define(const model::LabelSet& labels) {
    proto::DefineRequest request;
    proto::DefineRequest::Series& series = *request.add_series();
    wire::ToProto(kTenant, *series.mutable_tenant());
    std::string canonical;
    model::AppendCanonicalBytes(canonical, labels);
    series.set_labels(canonical);
    const auto answer =
        Call(*inserts, wire::kDefine, request.SerializeAsString());
    INFO(answer.status());
    REQUIRE(answer.ok());
    proto::DefineResponse response;
    REQUIRE(response.ParseFromString(*answer));
    REQUIRE(response.refs_size() == 1);
    return response;
  }
  proto::Ack Data(uint64_t ref_epoch, uint64_t ref, int64_t at_ms,
                  double value, uint8_t ack_level = 0) {
    wire::DataFrameBuilder builder;
    builder.Start(1, at_ms);
    builder.Add(kTenant, ref, std::span(&at_ms, 1), std::span(&value, 1));
    const auto answer = Call(*inserts, wire::kData,
                             builder.Finish(ack_level, ref_epoch, true));
    INFO(answer.status());
    REQUIRE(answer.ok());
    proto::Ack ack;
    REQUIRE(ack.ParseFromString(*answer));
    return ack;
  }
  // All series' samples; the end must come and be the last.
  std::vector<wire::WireSeries> Search(proto::Coverage& coverage) {
    proto::SearchRequest request;
    wire::ToProto(kTenant, *request.mutable_tenant());
    request.set_end_ms(model::kTimestampMaxMs);
    const auto call =
        selects->Start(wire::kSearch, request.SerializeAsString());
    std::vector<wire::WireSeries> out;
    bool ended = false;
    while (true) {
      const auto message = call->Next(base::SystemClock().SteadyMs() + 30'000);
      INFO(message.status());
      REQUIRE(message.ok());
      if (!message->has_value()) break;
      auto batch = wire::DecodeSeriesBatch(**message);
      REQUIRE(batch.ok());
      REQUIRE_FALSE(ended);
      ended = batch->is_end;
      if (ended) coverage = batch->coverage;
      for (auto& series : batch->series) out.push_back(std::move(series));
    }
    CHECK(ended);
    return out;
  }
};

TEST_CASE("rows go in by DATA and come out by SEARCH", "[storenode]") {
  Node node;
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
  CHECK(found[0].hash == model::HashSeries(kTenant, found[0].labels));
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
std::optional<int64_t> JobsOf(Node& node, wire::Method method, bool digests) {
  if (method == wire::kLabels) {
    proto::LabelsRequest request;
    wire::ToProto(kTenant, *request.mutable_tenant());
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
  wire::ToProto(kTenant, *request.mutable_tenant());
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

// All messages of a ROLLUP joined into one.
absl::StatusOr<proto::RollupResponse> Rollup(
    Node& node, const proto::RollupRequest& request) {
  const auto call =
      node.selects->Start(wire::kRollup, request.SerializeAsString());
  proto::RollupResponse all;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                     call->Next(base::SystemClock().SteadyMs() + 30'000));
    if (!bytes) return all;
    proto::RollupResponse one;
    REQUIRE(one.ParseFromString(*bytes));
    all.MergeFrom(one);
  }
}

proto::RollupRequest SumByJob(std::string_view function) {
  proto::RollupRequest request;
  wire::ToProto(kTenant, *request.mutable_search()->mutable_tenant());
  request.mutable_search()->set_end_ms(model::kTimestampMaxMs);
  request.set_function(std::string(function));
  request.set_range_ms(60'000);
  request.set_steps(1);
  request.set_aggregate(static_cast<uint32_t>(rollup::Aggregate::kSum));
  request.add_grouping("job");
  return request;
}

TEST_CASE("series are aggregated where they are", "[storenode]") {
  Node node;
  const int64_t now_ms = base::SystemClock().NowMs() / 1000 * 1000;
  std::map<std::string, double> expected;
  for (int i = 0; i < 500; ++i) {
    const std::string job(1, static_cast<char>('a' + i % 3));
    const auto defined = node.Define({{"__name__", "load"},
                                      {"job", job},
                                      {"n", std::to_string(i)}});
    node.Data(defined.ref_epoch(), defined.refs(0), now_ms - 1000, i);
    node.Data(defined.ref_epoch(), defined.refs(0), now_ms, 2 * i);
    expected[job] += 3 * i;
  }
  proto::RollupRequest request = SumByJob("sum_over_time");
  request.set_first_end_ms(now_ms);
  request.set_label_hashes(true);
  const auto response = Rollup(node, request);
  INFO(response.status());
  REQUIRE(response.ok());
  CHECK(response->series() == 500);
  CHECK(response->samples() == 1000);
  CHECK(response->label_hashes_size() == 1000);
  CHECK(response->coverage().node_id() == node.role->engine().node_id());
  CHECK(response->metric_names().empty());
  std::map<std::string, double> sums;
  REQUIRE(response->keys_size() == response->states_size());
  for (int i = 0; i < response->keys_size(); ++i) {
    rollup::GroupColumns columns(rollup::Aggregate::kSum, 1);
    base::ByteReader reader(response->states(i));
    REQUIRE(columns.ReadBytes(reader));
    const auto labels = model::ParseCanonicalBytes(response->keys(i));
    REQUIRE(labels.ok());
    CHECK(labels->size() == 1);
    sums[std::string(labels->Get("job"))] = columns.Finish()[0];
  }
  CHECK(sums == expected);

  request.set_function("rate");
  const auto rates = Rollup(node, request);
  REQUIRE(rates.ok());
  REQUIRE(rates->metric_names_size() == 1);
  CHECK(rates->metric_names(0) == "load");

  request.set_samples_max(100);
  const auto stopped = Rollup(node, request);
  REQUIRE(stopped.ok());
  CHECK(stopped->samples() > 100);
}

TEST_CASE("a ROLLUP that cannot be is refused", "[storenode]") {
  Node node;
  const proto::RollupRequest good = SumByJob("rate");
  CHECK(Rollup(node, good).ok());
  const auto code_of = [&node](const proto::RollupRequest& request) {
    return Rollup(node, request).status().code();
  };
  CHECK(code_of(SumByJob("no_such")) == absl::StatusCode::kUnimplemented);
  proto::RollupRequest bad = good;
  bad.set_aggregate(99);
  CHECK(code_of(bad) == absl::StatusCode::kUnimplemented);
  bad = good;
  bad.set_steps(0);
  CHECK(code_of(bad) == absl::StatusCode::kInvalidArgument);
  bad = good;
  // More than a node takes: the asker computes it itself.
  bad.set_steps(UINT32_MAX);
  CHECK(code_of(bad) == absl::StatusCode::kUnimplemented);
  bad = good;
  bad.set_end_step_ms(-1);
  CHECK(code_of(bad) == absl::StatusCode::kInvalidArgument);
  bad = good;
  bad.mutable_search()->set_slots("no set");
  CHECK(code_of(bad) == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("a plan made before a MISSED record or a ring is refused",
          "[storenode]") {
  Node node;
  const auto version = [&node] {
    const auto answer = node.Call(*node.selects, wire::kCoverage, "");
    REQUIRE(answer.ok());
    proto::Coverage coverage;
    REQUIRE(coverage.ParseFromString(*answer));
    return coverage.coverage_version();
  };
  proto::RollupRequest request = SumByJob("rate");
  request.mutable_search()->set_coverage_version(version());
  CHECK(Rollup(node, request).ok());
  const auto refused = [&] {
    return absl::IsAborted(Rollup(node, request).status());
  };
  proto::Missed missed;
  missed.set_owner(7);
  missed.set_end_ms(1);
  REQUIRE(node.Call(*node.inserts, wire::kMissed, missed.SerializeAsString())
              .ok());
  CHECK(refused());
  request.mutable_search()->set_coverage_version(version());
  CHECK_FALSE(refused());
  // Rows routed by a ring nobody has put.
  const auto defined = node.Define({{"__name__", "up"}});
  node.Data(defined.ref_epoch(), defined.refs(0),
            base::SystemClock().NowMs(), 1);
  CHECK(refused());
  const auto rings = node.Call(*node.selects, wire::kGetRings, "");
  REQUIRE(rings.ok());
  proto::RingList list;
  REQUIRE(list.ParseFromString(*rings));
  REQUIRE(list.rings_size() == 1);
  CHECK(list.rings(0).ring_id() == 1);
  CHECK(list.rings(0).members().empty());
  // Rows that a crash may take from this node alone.
  request.mutable_search()->set_coverage_version(version());
  CHECK_FALSE(refused());
  node.Data(defined.ref_epoch(), defined.refs(0),
            base::SystemClock().NowMs(), 1, /*ack_level=*/1);
  CHECK(refused());
}

TEST_CASE("the read that meets a damaged table of the index says so",
          "[storenode]") {
  namespace fs = std::filesystem;
  Node node;
  const auto defined = node.Define({{"__name__", "up"}, {"job", "a"}});
  node.Data(defined.ref_epoch(), defined.refs(0),
            base::SystemClock().NowMs(), 1.5);
  REQUIRE(node.role->engine().Flush().ok());
  // Memtables to tables: a checkpoint does that.
  const auto snapshot = node.role->engine().CreateSnapshot();
  REQUIRE(snapshot.ok());
  REQUIRE(node.role->engine().DeleteSnapshot(*snapshot).ok());
  node.Close();
  const std::string image = node.path + "-image";
  fs::copy(node.path, image, fs::copy_options::recursive);
  std::vector<std::string> tables;
  for (const auto& entry : fs::directory_iterator(image + "/index")) {
    if (entry.path().extension() == ".sst") {
      tables.push_back(entry.path().filename());
    }
  }
  CHECK(tables.size() >= 5);
  int told = 0;
  for (const std::string& table : tables) {
    for (const auto& [method, digests] :
         {std::pair{wire::kLabels, false}, std::pair{wire::kCardinality, false},
          std::pair{wire::kCardinality, true}}) {
      CAPTURE(table, int{method}, digests);
      fs::remove_all(node.path);
      fs::copy(image, node.path, fs::copy_options::recursive);
      {
        std::fstream file(node.path + "/index/" + table,
                          std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(4);
        file.write("\xff\xff\xff\xff", 4);
        REQUIRE(file.good());
      }
      node.Open();
      const auto jobs = JobsOf(node, method, digests);
      if (jobs) CHECK(*jobs == 1);
      told += !jobs;
      node.Close();
    }
  }
  CHECK(told > 3);  // more than those that the start has met
  fs::remove_all(image);
}

TEST_CASE("refs of another epoch or of nobody are to be redefined",
          "[storenode]") {
  Node node;
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
  Node node;
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
  Node node;
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

TEST_CASE("rings widen and MISSED records join, over a restart",
          "[storenode]") {
  Node node;
  proto::Ring ring;
  ring.set_ring_id(9);
  ring.add_members()->set_node_id(1);
  for (const auto& [first, last] : {std::pair{50, 60}, {40, 55}, {58, 70}}) {
    ring.set_first_ms(first);
    ring.set_last_ms(last);
    CHECK(node.Call(*node.inserts, wire::kPutRing, ring.SerializeAsString())
              .ok());
  }
  const uint64_t before = node.role->engine().coverage_version();
  proto::Missed missed;
  missed.set_owner(3);
  missed.set_ring(9);
  missed.set_end_ms(100);
  for (const uint32_t slot : {7u, 5u, 7u, 65'535u}) {
    missed.clear_slots();
    missed.add_slots(slot);
    CHECK(node.Call(*node.inserts, wire::kMissed, missed.SerializeAsString())
              .ok());
  }
  CHECK(node.role->engine().coverage_version() != before);
  missed.add_slots(65'536);
  CHECK_FALSE(
      node.Call(*node.inserts, wire::kMissed, missed.SerializeAsString())
          .ok());
  node.Close();
  node.Open();
  proto::RingList rings;
  REQUIRE(rings.ParseFromString(
      *node.Call(*node.selects, wire::kGetRings, "")));
  REQUIRE(rings.rings_size() == 1);
  CHECK(rings.rings(0).first_ms() == 40);
  CHECK(rings.rings(0).last_ms() == 70);
  KeptState kept(&node.role->engine());
  const auto records = kept.Missed();
  REQUIRE(records.ok());
  REQUIRE(records->size() == 1);
  CHECK(std::vector<uint32_t>((*records)[0].slots().begin(),
                              (*records)[0].slots().end()) ==
        std::vector<uint32_t>{5, 7, 65'535});
}

TEST_CASE("metrics are there from the start and count rows", "[storenode]") {
  Node node;
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

TEST_CASE("an explicit interval of 0 is told, the default is not",
          "[storenode]") {
  Node node({"-dedup.minScrapeInterval=0"});
  proto::Coverage coverage;
  (void)node.Search(coverage);
  CHECK(coverage.dedup_keep_all());
}

TEST_CASE("retentions below their minimum are refused", "[storenode]") {
  for (const char* arg : {"-retentionPeriod=23h", "-futureRetention=1d"}) {
    base::FlagSet flag_set("test");
    const StorageFlags flags(flag_set, "x");
    int exit_code = 0;
    REQUIRE(flag_set.Parse({arg}, &exit_code).ok());
    CHECK(absl::IsInvalidArgument(flags.Check()));
  }
}

TEST_CASE("a flag an operator passes is known", "[storenode]") {
  base::FlagSet flag_set("test");
  const StorageFlags flags(flag_set, "x");
  int exit_code = 0;
  CHECK(flag_set
            .Parse({"-vminsertAddr=:8400", "-vmselectAddr=:8401",
                    "-retentionPeriod=1", "-storageDataPath=/storage",
                    "-dedup.minScrapeInterval=1ms", "-license=abc",
                    "-retentionFilter={a=\"b\"}:1d",
                    "-storage.vminsertConnsShutdownDuration=1ms"},
                   &exit_code)
            .ok());
  CHECK(flags.Check().ok());
  CHECK(flags.EngineOptions().retention_ms == 31 * model::kDayMs);
  CHECK(flags.EngineOptions().dedup.interval_ms == 1);
}

}  // namespace
}  // namespace varve::storenode
