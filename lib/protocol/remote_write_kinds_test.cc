#include "lib/protocol/remote_write_kinds.h"

#include <catch2/catch.hpp>

#include <bit>
#include <random>

#include "lib/model/histogram.h"
#include "lib/model/label.h"
#include "lib/protocol/remote_write.h"
#include "proto/remote_write_v1.pb.h"

namespace varve::protocol {
namespace {

namespace rw = remote_write_v1;

void AddSpans(std::mt19937_64& random, auto* spans, size_t& buckets) {
  for (uint64_t n = random() % 3; n > 0; --n) {
    auto* span = spans->Add();
    span->set_offset(spans->size() == 1 ? static_cast<int>(random() % 9) - 4
                                        : static_cast<int>(random() % 4));
    span->set_length(random() % 4);
    buckets += span->length();
  }
}

rw::Histogram RandomHistogram(std::mt19937_64& random) {
  rw::Histogram h;
  const bool floats = random() % 2 == 0;
  h.set_schema(static_cast<int>(random() % 13) - 4);
  h.set_zero_threshold(1e-128);
  h.set_sum(static_cast<double>(random() % 1000) / 8);
  h.set_timestamp(static_cast<int64_t>(random() >> 20));
  h.set_reset_hint(random() % 4);
  size_t positive = 0, negative = 0;
  AddSpans(random, h.mutable_positive_spans(), positive);
  AddSpans(random, h.mutable_negative_spans(), negative);
  uint64_t total = random() % 5;
  if (floats) {
    h.set_zero_count_float(0.5);
    for (size_t i = 0; i < positive; ++i) h.add_positive_counts(i * 0.25);
    for (size_t i = 0; i < negative; ++i) h.add_negative_counts(i * 0.5);
    h.set_count_float(1e6);
    return h;
  }
  h.set_zero_count_int(total);
  for (const bool side : {true, false}) {
    int64_t last = 0;
    for (size_t i = 0; i < (side ? positive : negative); ++i) {
      const auto count = static_cast<int64_t>(random() % 100);
      if (side) {
        h.add_positive_deltas(count - last);
      } else {
        h.add_negative_deltas(count - last);
      }
      last = count;
      total += static_cast<uint64_t>(count);
    }
  }
  h.set_count_int(total);
  return h;
}

// As the protobuf library reads it.
model::Histogram Oracle(const rw::Histogram& h) {
  model::Histogram out;
  out.layout.float_counts = h.count_case() == rw::Histogram::kCountFloat;
  out.layout.schema = h.schema();
  out.layout.zero_threshold = h.zero_threshold();
  for (const auto& span : h.positive_spans()) {
    out.layout.positive.push_back({span.offset(), span.length()});
  }
  for (const auto& span : h.negative_spans()) {
    out.layout.negative.push_back({span.offset(), span.length()});
  }
  out.layout.custom_bounds.assign(h.custom_values().begin(),
                                  h.custom_values().end());
  out.reset = static_cast<model::CounterReset>(h.reset_hint());
  out.sum = h.sum();
  if (out.layout.float_counts) {
    out.count = std::bit_cast<uint64_t>(h.count_float());
    out.zero_count = std::bit_cast<uint64_t>(h.zero_count_float());
    for (const double count : h.positive_counts()) {
      out.buckets.push_back(std::bit_cast<uint64_t>(count));
    }
    for (const double count : h.negative_counts()) {
      out.buckets.push_back(std::bit_cast<uint64_t>(count));
    }
    return out;
  }
  out.count = h.count_int();
  out.zero_count = h.zero_count_int();
  for (const auto* side : {&h.positive_deltas(), &h.negative_deltas()}) {
    uint64_t count = 0;
    for (const int64_t delta : *side) {
      out.buckets.push_back(count += static_cast<uint64_t>(delta));
    }
  }
  return out;
}

SampleBatch Walk(const rw::WriteRequest& write) {
  // Kept: the batch has views of it.
  static std::vector<std::unique_ptr<std::string>> bodies;
  bodies.push_back(std::make_unique<std::string>(write.SerializeAsString()));
  RemoteWriteWalker walker(*bodies.back());
  SampleBatch batch;
  batch.form = IdentityForm::kRemoteWriteLabels;
  const auto more = walker.Next(batch, SIZE_MAX);
  REQUIRE(more.ok());
  CHECK_FALSE(*more);
  return batch;
}

TEST_CASE("histograms are read as the protobuf library reads them",
          "[protocol]") {
  std::mt19937_64 random(17);
  for (int round = 0; round < 300; ++round) {
    rw::WriteRequest write;
    auto* series = write.add_timeseries();
    for (int i = 0; i < 3; ++i) {
      *series->add_histograms() = RandomHistogram(random);
    }
    const SampleBatch batch = Walk(write);
    REQUIRE(batch.series.size() == 1);
    CAPTURE(batch.bad_histogram);
    REQUIRE(batch.series[0].histograms == 3);
    for (int i = 0; i < 3; ++i) {
      const auto got = model::ParseHistogramBytes(batch.histograms[i]);
      REQUIRE(got.ok());
      CHECK(*got == Oracle(series->histograms(i)));
      CHECK(batch.histogram_timestamps_ms[i] ==
            series->histograms(i).timestamp());
    }
  }
}

TEST_CASE("custom buckets and stale histograms are read", "[protocol]") {
  rw::WriteRequest write;
  auto* series = write.add_timeseries();
  auto* custom = series->add_histograms();
  custom->set_schema(-53);
  custom->add_custom_values(0.5);
  custom->add_custom_values(2);
  auto* span = custom->add_positive_spans();
  span->set_length(3);
  for (const int delta : {1, 0, 4}) custom->add_positive_deltas(delta);
  custom->set_count_int(7);
  auto* stale = series->add_histograms();
  stale->set_sum(model::StaleNan());
  const SampleBatch batch = Walk(write);
  REQUIRE(batch.histograms.size() == 2);
  const auto got = model::ParseHistogramBytes(batch.histograms[0]);
  CHECK(got->layout.custom_bounds == std::vector<double>{0.5, 2});
  CHECK(got->buckets == std::vector<uint64_t>{1, 1, 5});
  CHECK(model::ParseHistogramBytes(batch.histograms[1])->stale());
}

TEST_CASE("impossible histograms are counted, the others stay", "[protocol]") {
  rw::WriteRequest write;
  auto* series = write.add_timeseries();
  series->add_histograms()->set_schema(40);
  series->add_histograms()->set_count_int(0);
  // As many buckets as spans, but on the wrong side.
  auto* wrong = series->add_histograms();
  wrong->add_positive_spans()->set_length(1);
  wrong->add_negative_deltas(0);
  const SampleBatch batch = Walk(write);
  REQUIRE(batch.series.size() == 1);
  CHECK(batch.series[0].histograms == 1);
  CHECK(batch.series[0].bad_histograms == 2);
  CHECK(batch.bad_histogram.find("schema 40") != std::string::npos);
}

TEST_CASE("exemplars and metadata are read", "[protocol]") {
  rw::WriteRequest write;
  auto* series = write.add_timeseries();
  auto* exemplar = series->add_exemplars();
  exemplar->set_value(0.25);
  exemplar->set_timestamp(1234);
  auto* label = exemplar->add_labels();
  label->set_name("trace_id");
  label->set_value("abc");
  auto* large = series->add_exemplars();
  label = large->add_labels();
  label->set_name("x");
  label->set_value(std::string(2000, 'y'));
  auto* metadata = write.add_metadata();
  metadata->set_type(1);
  metadata->set_metric_family_name("requests");
  metadata->set_help("helps");
  metadata->set_unit("seconds");
  write.add_metadata()->set_help("of no metric");
  const SampleBatch batch = Walk(write);
  REQUIRE(batch.series.size() == 1);
  REQUIRE(batch.Exemplars(batch.series[0]).size() == 1);
  const model::ExemplarView& got = batch.exemplars[0];
  CHECK(got.timestamp_ms == 1234);
  CHECK(got.value == 0.25);
  CHECK(model::ParseCanonicalBytes(got.labels)->Get("trace_id") == "abc");
  REQUIRE(batch.metadata.size() == 1);
  CHECK(batch.metadata[0] ==
        model::MetricMetadata{"requests", model::MetricType::kCounter, "helps",
                              "seconds"});
  CHECK(batch.metadata_tenants.empty());
}

TEST_CASE("metadata may name its tenant, as vmagent's does", "[protocol]") {
  rw::WriteRequest write;
  for (const char* name : {"plain", "named", "half", ""}) {
    write.add_metadata()->set_metric_family_name(name);
  }
  const auto set = [&write](int index, int field, uint64_t value) {
    auto* message = write.mutable_metadata(index);
    message->GetReflection()->MutableUnknownFields(message)->AddVarint(field,
                                                                       value);
  };
  set(1, 11, 5);
  set(1, 12, 7);
  set(2, 12, 9);
  set(3, 11, 1);
  const SampleBatch batch = Walk(write);
  REQUIRE(batch.metadata.size() == 3);
  using Tenants = std::vector<std::optional<model::TenantId>>;
  CHECK(batch.metadata_tenants ==
        Tenants{std::nullopt, model::TenantId::Numeric(5, 7),
                model::TenantId::Numeric(0, 9)});
}

}  // namespace
}  // namespace varve::protocol
