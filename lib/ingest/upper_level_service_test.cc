#include "lib/ingest/upper_level_service.h"

#include <catch2/catch.hpp>
#include <string>

#include "lib/ingest/test_insert.h"
#include "lib/model/histogram.h"
#include "lib/wire/data_frame_builder.h"
#include "lib/wire/hello.h"
#include "net/rpc/local_channel.h"
#include "tests/support/becomes_true.h"

namespace varve::ingest {
namespace {

constexpr int64_t kSeriesBytes = 1 << 20;

std::string Canonical(const model::LabelSet& labels) {
  std::string bytes;
  model::AppendCanonicalBytes(bytes, labels);
  return bytes;
}

std::string HistogramBytes() {
  model::Histogram histogram;
  histogram.layout.positive = {{0, 1}};
  histogram.count = 4;
  histogram.sum = 2.5;
  histogram.buckets = {4};
  std::string bytes;
  model::AppendHistogramBytes(bytes, histogram);
  return bytes;
}

// The insert node of a cluster of one storage node, as seen from above.
struct Lower {
  explicit Lower(const SeriesLimits& limits = {}) : insert(32 << 20, limits) {}
  void Serve(InsertGate* gate = nullptr) {
    channel.reset();
    service = std::make_unique<UpperLevelService>(
        insert.writer.get(), insert.inserter.get(), &insert.routes->door(),
        gate == nullptr ? insert.gate.get() : gate, &insert.metrics,
        kSeriesBytes);
    CHECK_FALSE(service->Look());
    channel = std::make_unique<rpc::LocalChannel>(
        "lower", service.get(), wire::EncodeHello("insert", ""));
  }
  absl::StatusOr<std::string> Call(rpc::Method method, std::string payload) {
    return rpc::CallOnce(*channel, method, std::move(payload), INT64_MAX);
  }
  wire::Hello Greeting() const {
    return wire::DecodeHello(channel->peer_hello()).value();
  }
  uint64_t Define(const model::TenantId& tenant, std::string_view labels) {
    proto::DefineRequest request;
    proto::DefineRequest::Series& one = *request.add_series();
    one.mutable_tenant()->set_kind(tenant.kind);
    one.mutable_tenant()->set_id(tenant.id);
    one.set_labels(std::string(labels));
    proto::DefineResponse response;
    REQUIRE(response.ParseFromString(
        Call(wire::kDefine, request.SerializeAsString()).value()));
    CHECK(response.ref_epoch() == Greeting().ref_epoch);
    return response.refs(0);
  }
  absl::StatusOr<proto::Ack> Send(const model::TenantId& tenant, uint64_t ref,
                                  int64_t at_ms = 1000, double value = 1.5) {
    wire::DataFrameBuilder builder;
    builder.Start(/*ring=*/3, /*accept_ms=*/777);
    builder.Add(tenant, ref, {&at_ms, 1}, {&value, 1});
    return Send(builder);
  }
  absl::StatusOr<proto::Ack> Send(wire::DataFrameBuilder& builder) {
    const auto answer =
        Call(wire::kData,
             builder.Finish(0, Greeting().ref_epoch, /*compress=*/true));
    if (!answer.ok()) return answer.status();
    proto::Ack ack;
    REQUIRE(ack.ParseFromString(*answer));
    return ack;
  }
  int64_t RowsCounted() {
    return insert.Counted("vm_rows_inserted_total",
                          {{"type", "clusternative"}});
  }

  Insert insert;
  std::unique_ptr<UpperLevelService> service;
  std::unique_ptr<rpc::LocalChannel> channel;
};

// An insert node over those.
struct Upper {
  explicit Upper(Lower* lower) {
    lower->Serve();
    std::vector<std::shared_ptr<const cluster::Node>> list;
    list.push_back(std::make_shared<const cluster::Node>(
        "lower", "",
        std::make_unique<rpc::LocalChannel>("lower", lower->service.get(),
                                            wire::EncodeHello("insert", ""))));
    nodes = std::make_unique<cluster::NodeSet>(std::move(list));
    cluster::WriterOptions writer_options;
    writer_options.metrics = &metrics;
    writer = std::make_unique<cluster::Writer>(nodes.get(), writer_options);
    InserterOptions options;
    options.metrics = &metrics;
    inserter = std::make_unique<Inserter>(writer.get(), options);
  }
  absl::Status Store(const model::Tenant& tenant,
                     const protocol::SampleBatch& batch) {
    InsertOutcome outcome;
    return inserter->Store({.tenant = tenant}, {}, batch, outcome);
  }

  telemetry::Metrics metrics{"vminsert", nullptr};
  std::unique_ptr<cluster::NodeSet> nodes;
  std::unique_ptr<cluster::Writer> writer;
  std::unique_ptr<Inserter> inserter;
};

// A float, a histogram, an exemplar, a start and metadata.
void Fill(protocol::SampleBatch& batch, std::string_view labels,
          std::string_view histogram) {
  batch.series.push_back({.identity = labels,
                          .rows = 1,
                          .histograms = 1,
                          .exemplars = 1,
                          .starts = 1});
  batch.timestamps_ms = {1000};
  batch.values = {-0.0};
  batch.histogram_timestamps_ms = {2000};
  batch.histograms = {histogram};
  batch.exemplars = {{1500, 0.5, "e"}};
  batch.starts = {{1000, 2000, 500}};
  batch.metadata = {{"up", model::MetricType::kGauge, "help", "unit"}};
}

const model::LabelSet kSeries = {{"__name__", "up"}, {"job", "a"}};

TEST_CASE("every kind of row reaches the storage nodes two levels below",
          "[ingest]") {
  Lower lower;
  Upper upper(&lower);
  const std::string labels = Canonical(kSeries);
  const std::string histogram = HistogramBytes();
  protocol::SampleBatch batch;
  Fill(batch, labels, histogram);
  batch.accept_ms = 123'456;
  REQUIRE(upper.Store({}, batch).ok());
  cluster::FakeNode& node = lower.insert.node;
  REQUIRE(node.refs.size() == 1);
  const uint64_t ref = node.refs.begin()->second;
  REQUIRE(node.samples[ref].size() == 1);
  CHECK(std::signbit(node.samples[ref][0].second));
  REQUIRE(node.histograms[ref].size() == 1);
  std::string stored;
  model::AppendHistogramBytes(stored, node.histograms[ref][0].histogram);
  CHECK(stored == histogram);
  REQUIRE(node.exemplars[ref].size() == 1);
  CHECK(node.exemplars[ref][0].exemplar.labels == "e");
  CHECK(node.starts[ref] == batch.starts);
  CHECK(node.metadata == batch.metadata);
  CHECK(node.accept_ms == 123'456);
  CHECK(lower.RowsCounted() == 2);
  // Known on both levels now.
  REQUIRE(upper.Store({}, batch).ok());
  CHECK(node.defines == 1);
}

TEST_CASE("insert nodes of one cluster greet as one node", "[ingest]") {
  Lower one;
  one.Serve();
  const wire::Hello first = one.Greeting();
  CHECK(first.role == "insert");
  CHECK(first.node_id != 0);
  CHECK(first.member_ids == std::vector<uint64_t>{one.insert.node.id});
  CHECK((first.features & wire::kFeatureHints) == 0);
  CHECK((first.features & wire::kFeatureHistograms) != 0);
  Lower other;
  other.Serve();
  CHECK(other.Greeting().node_id == first.node_id);
  CHECK(other.Greeting().ref_epoch != first.ref_epoch);
  // Down, the storage node is still one of the cluster.
  one.insert.node.up = false;
  CHECK_FALSE(one.service->Look());
  CHECK(wire::DecodeHello(one.service->Hello())->node_id == first.node_id);
  // Another one at its address is another cluster.
  one.insert.node = {};
  one.insert.node.id = 6;
  one.insert.node.connection = 2;
  CHECK(one.service->Look());
  const wire::Hello changed = *wire::DecodeHello(one.service->Hello());
  CHECK(changed.node_id != first.node_id);
  CHECK(changed.member_ids == std::vector<uint64_t>{6});
}

TEST_CASE("peers are greeted anew when the storage nodes' features change",
          "[ingest]") {
  Lower lower;
  lower.insert.node.missing_features = wire::kFeatureStarts;
  lower.Serve();
  CHECK((lower.Greeting().features & wire::kFeatureStarts) == 0);
  CHECK_FALSE(lower.service->Look());
  // Down it is what it was.
  lower.insert.node.up = false;
  CHECK_FALSE(lower.service->Look());
  lower.insert.node.up = true;
  lower.insert.node.connection = 2;
  CHECK_FALSE(lower.service->Look());
  lower.insert.node.missing_features = 0;
  lower.insert.node.connection = 3;
  CHECK(lower.service->Look());
  CHECK((wire::DecodeHello(lower.service->Hello())->features &
         wire::kFeatureStarts) != 0);
  CHECK_FALSE(lower.service->Look());
  lower.insert.node.missing_features = wire::kFeatureHistograms;
  lower.insert.node.connection = 4;
  CHECK(lower.service->Look());
}

TEST_CASE("nobody is greeted before the storage nodes are known",
          "[ingest]") {
  Lower lower;
  lower.insert.node.up = false;
  lower.Serve();
  CHECK_FALSE(lower.channel->connected());
  CHECK_FALSE(lower.service->known());
  lower.insert.node.up = true;
  lower.Serve();
  CHECK(lower.channel->connected());
}

TEST_CASE("refs that are not known here are asked for", "[ingest]") {
  Lower lower;
  lower.Serve();
  const std::string labels = Canonical(kSeries);
  const uint64_t ref = lower.Define({}, labels);
  CHECK_FALSE(lower.Send({}, ref)->redefine());
  CHECK(lower.Send({}, ref + 1)->redefine());
  CHECK(lower.Send(model::TenantId::Numeric(1, 0), ref)->redefine());
  // Of a record with one such ref nothing is stored.
  wire::DataFrameBuilder builder;
  builder.Start(3, 777);
  const int64_t at_ms = 9000;
  const double value = 1;
  builder.Add({}, ref, {&at_ms, 1}, {&value, 1});
  builder.Add(model::TenantId::Numeric(1, 0), 55, {&at_ms, 1}, {&value, 1});
  CHECK(lower.Send(builder)->redefine());
  CHECK(lower.insert.node.rows() == 1);
  lower.Serve();  // as after a restart
  CHECK(lower.Send({}, ref)->redefine());
  CHECK(lower.RowsCounted() == 1);
}

TEST_CASE("a name is registered below before rows of its tenant are taken",
          "[ingest]") {
  Lower lower;
  lower.Serve();
  const model::Tenant acme = model::ParseOrgId("acme").value();
  const uint64_t ref = lower.Define(acme.id, Canonical(kSeries));
  CHECK(lower.Send(acme.id, ref)->redefine());
  Upper upper(&lower);
  protocol::SampleBatch batch;
  const std::string labels = Canonical(kSeries);
  const std::string histogram = HistogramBytes();
  Fill(batch, labels, histogram);
  REQUIRE(upper.Store(acme, batch).ok());
  CHECK(lower.insert.node.names[acme.id.id] == "acme");
  CHECK(lower.insert.node.rows() == 1);
  // Another name has the id: told as it is, to the client above.
  lower.insert.node.names[model::ParseOrgId("other")->id.id] = "taken";
  const absl::Status refused =
      upper.Store(model::ParseOrgId("other").value(), batch);
  CHECK(absl::IsInvalidArgument(refused));
}

TEST_CASE("what the cluster does not acknowledge is not acknowledged",
          "[ingest]") {
  Lower lower;
  lower.Serve();
  const uint64_t ref = lower.Define({}, Canonical(kSeries));
  CHECK(lower.Call(wire::kPing, "").ok());
  lower.insert.node.interfere =
      [](rpc::Method method) -> std::optional<cluster::Answer> {
    if (method == wire::kPing) return std::nullopt;
    return base::Unavailable("the disk has gone");
  };
  CHECK(absl::IsUnavailable(lower.Send({}, ref).status()));
  lower.insert.node.up = false;
  CHECK(absl::IsUnavailable(lower.Call(wire::kPing, "").status()));
  CHECK(absl::IsUnavailable(lower.Send({}, ref).status()));
  CHECK(lower.RowsCounted() == 0);
}

TEST_CASE("a call that is given up above waits for no place", "[ingest]") {
  Lower lower;
  InsertGate gate(1, absl::Hours(10), lower.insert.metrics,
                  /*show_occupancy=*/false);
  const InsertGate::Pass other(gate);
  lower.Serve(&gate);
  auto call = lower.channel->Start(wire::kData, "");
  REQUIRE(tests::BecomesTrue([&lower] {
    return lower.insert.Counted("vm_concurrent_insert_limit_reached_total",
                                {}) == 1;
  }));
  call.reset();
  lower.channel.reset();  // waits for the handler
  CHECK(lower.insert.Counted("vm_concurrent_insert_limit_timeout_total", {}) ==
        0);
}

TEST_CASE("MISSED records of the level above are stored below", "[ingest]") {
  Lower lower;
  lower.Serve();
  proto::Missed record;
  record.set_owner(99);
  record.set_ring(3);
  record.add_slots(5);
  record.set_start_ms(1000);
  record.set_end_ms(2000);
  REQUIRE(lower.Call(wire::kMissed, record.SerializeAsString()).ok());
  REQUIRE(lower.insert.node.missed.size() == 1);
  record.set_levels_above(1);
  CHECK(lower.insert.node.missed[0].SerializeAsString() ==
        record.SerializeAsString());
  lower.insert.node.up = false;
  CHECK(absl::IsUnavailable(
      lower.Call(wire::kMissed, record.SerializeAsString()).status()));
}

TEST_CASE("rings of the level above are told again and not passed on",
          "[ingest]") {
  Lower lower;
  lower.Serve();
  const size_t below = lower.insert.node.rings.size();
  proto::Ring ring;
  for (uint64_t id = 1; id <= 100; ++id) {
    ring.set_ring_id(id);
    ring.set_last_ms(static_cast<int64_t>(id));
    REQUIRE(lower.Call(wire::kPutRing, ring.SerializeAsString()).ok());
  }
  proto::RingList list;
  REQUIRE(list.ParseFromString(lower.Call(wire::kGetRings, "").value()));
  CHECK(list.rings_size() == 64);
  CHECK(list.rings(0).ring_id() == 37);  // the newest of them
  CHECK(lower.insert.node.rings.size() == below);
}

TEST_CASE("limits below reject rows without a failure above", "[ingest]") {
  Lower lower(SeriesLimits{.labels_max = 1});
  lower.Serve();
  const uint64_t ref = lower.Define({}, Canonical(kSeries));
  const auto ack = lower.Send({}, ref);
  REQUIRE(ack.ok());
  CHECK_FALSE(ack->redefine());
  CHECK(ack->rows() == 0);
  CHECK(lower.insert.Ignored("too_many_labels") == 1);
  CHECK(lower.insert.node.rows() == 0);
}

TEST_CASE("what only a storage node does is not implemented", "[ingest]") {
  Lower lower;
  lower.Serve();
  for (const rpc::Method method : {wire::kHintDefine, wire::kHintData,
                                   wire::kHintReplay, wire::kSearch}) {
    CHECK(absl::IsUnimplemented(lower.Call(method, "").status()));
  }
}

}  // namespace
}  // namespace varve::ingest
