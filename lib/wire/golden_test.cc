// The bytes of release 0.1, kept in release_0_1.golden: nodes of that release
// read what is written now, and what they write is read. A test that fails here
// says that a change breaks the upgrade of running clusters, or that an encoder
// now chooses otherwise, and tests/cluster/old_peer_test.py says whether that
// is read. A new release adds a file.
//
//   field <message>.<field> <number> <type> [<message>] [repeated]
//   bytes <name> <hex>
#include <catch2/catch.hpp>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "absl/strings/escaping.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/model/histogram.h"
#include "lib/model/label.h"
#include "lib/wire/data_frame_builder.h"
#include "lib/wire/hello.h"
#include "lib/wire/record_rows.h"
#include "lib/wire/series_batch.h"

namespace varve::wire {
namespace {

constexpr int64_t kAtMs = 1'780'000'000'000;
constexpr uint64_t kNode = 0x1112131415161718;
constexpr uint64_t kEpoch = 0x2122232425262728;
constexpr uint64_t kFeatures01 = 0xfff;

struct Golden {
  std::set<std::string> fields;
  std::map<std::string, std::string> bytes;

  Golden() {
    std::ifstream file("lib/wire/release_0_1.golden");
    REQUIRE(file);
    std::string line;
    while (std::getline(file, line)) {
      std::istringstream words(line);
      std::string kind;
      std::string name;
      std::string hex;
      words >> kind;
      if (kind == "field") fields.insert(line);
      if (kind != "bytes") continue;
      words >> name >> hex;
      bytes[name] = absl::HexStringToBytes(hex);
    }
    REQUIRE(fields.size() > 100);
    REQUIRE(bytes.size() > 10);
  }
};

std::string Canonical(const model::LabelSet& labels) {
  std::string out;
  model::AppendCanonicalBytes(out, labels);
  return out;
}

const std::string& Up() {
  static const std::string up = Canonical({{"__name__", "up"}, {"job", "a"}});
  return up;
}

// The one of docs/formats/histogram_chunk.md.
model::Histogram DocumentedHistogram() {
  model::Histogram histogram;
  histogram.layout = {.schema = 3,
                      .zero_threshold = 0.001,
                      .positive = {{-2, 2}, {1, 1}}};
  histogram.sum = 2.5;
  histogram.count = 7;
  histogram.zero_count = 1;
  histogram.buckets = {3, 0, 3};
  return histogram;
}

model::SampleColumns Floats() {
  return {{kAtMs, kAtMs + 15'000, kAtMs + 30'000},
          {0.25, -17, model::StaleNan()}};
}

std::string FloatFrame(bool compress) {
  DataFrameBuilder builder;
  builder.Start(0x3132333435363738, kAtMs + 500);
  const model::TenantId tenant = model::TenantId::Numeric(7, 0);
  builder.Add(tenant, 1000, Floats().timestamps_ms, Floats().values);
  std::vector<int64_t> times;
  std::vector<double> values;
  for (int i = 0; i < 64; ++i) {
    times.push_back(kAtMs + i);
    values.push_back(3);
  }
  if (compress) builder.Add(tenant, 1001, times, values);
  return builder.Finish(0, kEpoch, compress);
}

std::string KindsFrame() {
  DataFrameBuilder builder;
  builder.Start(0x3132333435363738, kAtMs + 500);
  const model::TenantId tenant{.kind = 1, .id = 0x44ad98655d8858e1};
  builder.kinds().AddHistogram(tenant, 1000, kAtMs, [] {
    std::string bytes;
    model::AppendHistogramBytes(bytes, DocumentedHistogram());
    return bytes;
  }());
  builder.kinds().AddExemplar(tenant, 1000, kAtMs + 7, 0.5,
                              Canonical({{"trace_id", "t"}}));
  builder.kinds().AddMetadata(
      tenant, {"up", model::MetricType::kGauge, "is it up", "bool"});
  builder.kinds().AddStart(tenant, 1000, {kAtMs, kAtMs, kAtMs - 10'000});
  return builder.Finish(1, kEpoch, false);
}

std::string Batch(bool all_kinds, bool starts) {
  SeriesBatchWriter writer(all_kinds, starts);
  const model::SeriesHash hash{0xc2dddb58f1359349, 0xe2ef065308665b30};
  if (!all_kinds) {
    writer.Add(hash, Up(), Floats());
    writer.Add({1, 2}, Canonical({{"__name__", "up"}, {"job", "b"}}),
               Floats());
    writer.Add({1, 3}, Up(), {});
  } else {
    writer.Add(hash, Up(), Floats(),
               {{kAtMs + 45'000}, {DocumentedHistogram()}},
               {{kAtMs + 7, 0.5, Canonical({{"trace_id", "t"}})}},
               starts ? model::StartRuns{{kAtMs, kAtMs + 30'000, kAtMs - 1}}
                      : model::StartRuns());
  }
  return writer.Finish();
}

proto::Coverage SomeCoverage() {
  proto::Coverage coverage;
  coverage.set_node_id(kNode);
  coverage.set_coverage_version(7);
  coverage.mutable_history()->set_changes(3);
  auto& missed = *coverage.add_missed();
  missed.set_owner(8);
  missed.set_start_ms(kAtMs);
  missed.set_end_ms(kAtMs + 1);
  return coverage;
}

std::string Define() {
  proto::DefineRequest request;
  proto::DefineRequest::Series& series = *request.add_series();
  series.mutable_tenant()->set_id(7);
  series.set_labels(Up());
  series.set_rows(3);
  return request.SerializeAsString();
}

std::string Defined() {
  proto::DefineResponse response;
  response.set_ref_epoch(kEpoch);
  response.add_refs(1000);
  response.add_refs(0);
  response.add_refused(0);
  response.add_refused(3);
  return response.SerializeAsString();
}

// Later releases know more features.
std::string Of01(const std::string& hello) {
  proto::Hello message;
  REQUIRE(message.ParseFromString(hello));
  message.set_features(message.features() & kFeatures01);
  return message.SerializeAsString();
}

// What this release writes.
std::map<std::string, std::string> Now() {
  return {
      {"hello_insert", Of01(EncodeHello("insert", "secret"))},
      {"hello_storage", Of01(EncodeStorageHello(kNode, kEpoch, "zone-a"))},
      {"define", Define()},
      {"defined", Defined()},
      {"data_floats", FloatFrame(false)},
      {"data_lz4", FloatFrame(true)},
      {"data_kinds", KindsFrame()},
      {"batch_floats", Batch(false, false)},
      {"batch_all_kinds", Batch(true, false)},
      {"batch_starts", Batch(true, true)},
      {"search_end", EncodeSearchEnd(SomeCoverage())},
  };
}

std::string TypeOf(const google::protobuf::FieldDescriptor& field) {
  std::string text = field.type_name();
  if (field.message_type() != nullptr) {
    text += " " + field.message_type()->full_name();
  }
  return text + (field.is_repeated() ? " repeated" : "");
}

void AddFields(const google::protobuf::Descriptor& message,
               std::set<std::string>& fields) {
  for (int i = 0; i < message.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *message.field(i);
    fields.insert(base::StrCat("field ", field.full_name(), " ",
                               field.number(), " ", TypeOf(field)));
  }
  for (int i = 0; i < message.nested_type_count(); ++i) {
    AddFields(*message.nested_type(i), fields);
  }
}

std::set<std::string> FieldsNow() {
  std::set<std::string> fields;
  const google::protobuf::FileDescriptor& file =
      *proto::Hello::descriptor()->file();
  for (int i = 0; i < file.message_type_count(); ++i) {
    AddFields(*file.message_type(i), fields);
  }
  return fields;
}

// Run by its tag when a release is made: the lines of its file.
TEST_CASE("print what this release writes", "[.print]") {
  for (const std::string& field : FieldsNow()) std::cout << field << "\n";
  for (const auto& [name, bytes] : Now()) {
    std::cout << "bytes " << name << " " << absl::BytesToHexString(bytes)
              << "\n";
  }
}

TEST_CASE("fields of messages keep their numbers and types", "[wire]") {
  const std::set<std::string> now = FieldsNow();
  const Golden golden;
  for (const std::string& field : golden.fields) {
    CAPTURE(field);
    CHECK(now.contains(field));
  }
}

TEST_CASE("what is written now is what release 0.1 wrote", "[wire]") {
  const Golden golden;
  const std::map<std::string, std::string> now = Now();
  CHECK(golden.bytes.size() == now.size());
  for (const auto& [name, bytes] : now) {
    CAPTURE(name);
    REQUIRE(golden.bytes.contains(name));
    if (name == "data_lz4") continue;  // the library chooses
    CHECK(absl::BytesToHexString(bytes) ==
          absl::BytesToHexString(golden.bytes.at(name)));
  }
}

TEST_CASE("what release 0.1 wrote is read", "[wire]") {
  const Golden golden;
  const Hello hello = DecodeHello(golden.bytes.at("hello_storage")).value();
  CHECK(AcceptHello(golden.bytes.at("hello_storage"), "").ok());
  CHECK(hello.node_id == kNode);
  CHECK(hello.ref_epoch == kEpoch);
  CHECK(hello.zone == "zone-a");
  CHECK(hello.features == kFeatures01);

  const auto lz4 = DecodeDataFrame(golden.bytes.at("data_lz4"));
  REQUIRE(lz4.ok());
  const auto floats = DecodeRecordRows(lz4->record());
  REQUIRE(floats.ok());
  CHECK(floats->accept_ms == kAtMs + 500);
  CHECK(floats->tenants.at(0).values.size() == 67);

  const auto frame = DecodeDataFrame(golden.bytes.at("data_kinds"));
  REQUIRE(frame.ok());
  CHECK(frame->ack == 1);
  const auto kinds = DecodeRecordRows(frame->record());
  REQUIRE(kinds.ok());
  const TenantRows& rows = kinds->tenants.at(0);
  CHECK(rows.tenant.kind == 1);
  CHECK(model::ParseHistogramBytes(rows.histograms.at(0)).value() ==
        DocumentedHistogram());
  CHECK(rows.exemplars.at(0).timestamp_ms == kAtMs + 7);
  CHECK(rows.metadata.at(0).unit == "bool");
  CHECK(rows.starts.at(0).start_ms == kAtMs - 10'000);

  const auto batch = DecodeSeriesBatch(golden.bytes.at("batch_starts"));
  REQUIRE(batch.ok());
  const WireSeries& series = batch->series.at(0);
  CHECK(series.labels == Up());
  CHECK(series.samples.timestamps_ms == Floats().timestamps_ms);
  CHECK(model::SameBits(series.samples.values[2], model::StaleNan()));
  CHECK(series.histograms.histograms.at(0) == DocumentedHistogram());
  CHECK(series.exemplars.at(0).value == 0.5);
  CHECK(series.starts.at(0).last_ms == kAtMs + 30'000);
  const auto end = DecodeSeriesBatch(golden.bytes.at("search_end"));
  REQUIRE(end.ok());
  CHECK(end->coverage.missed(0).owner() == 8);
}

}  // namespace
}  // namespace varve::wire
