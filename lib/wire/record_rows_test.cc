#include "lib/wire/record_rows.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "lib/encoding/data_record.h"
#include "lib/model/histogram.h"

namespace varve::wire {
namespace {

const model::TenantId kA = model::TenantId::Numeric(1, 2);
const model::TenantId kB = {.kind = 1, .id = 77};

std::string Histogram(uint64_t count) {
  model::Histogram histogram;
  histogram.layout.positive = {{0, 1}};
  histogram.count = count;
  histogram.sum = static_cast<double>(count);
  histogram.buckets = {count};
  std::string bytes;
  model::AppendHistogramBytes(bytes, histogram);
  return bytes;
}

std::string Record() {
  encoding::DataRecordBuilder builder;
  builder.Start(9, 1234);
  const std::vector<int64_t> times = {1000, 2000};
  const std::vector<double> values = {1.5, -0.0};
  builder.Add(kA.kind, kA.id, 10, times, values);
  builder.Add(kB.kind, kB.id, 10, {times.data(), 1}, {values.data(), 1});
  builder.Add(kA.kind, kA.id, 4, times, values);
  builder.kinds().AddHistogram(kA, 4, 1000, Histogram(1));
  builder.kinds().AddHistogram(kA, 12, 1000, Histogram(2));
  builder.kinds().AddHistogram(kA, 4, 3000, Histogram(3));
  builder.kinds().AddExemplar(kA, 10, 1500, 2.5, "labels");
  builder.kinds().AddStart(kA, 10, {1000, 2000, 500});
  builder.kinds().AddStart(kB, 10, {1000, 1000, 400});
  builder.kinds().AddMetadata(
      kB, {"up", model::MetricType::kGauge, "help", "unit"});
  return builder.Finish();
}

const TenantRows& Of(const RecordRows& rows, const model::TenantId& tenant) {
  for (const TenantRows& one : rows.tenants) {
    if (one.tenant == tenant) return one;
  }
  FAIL("the tenant has no rows");
  return rows.tenants[0];
}

const RecordSeries& Of(const TenantRows& rows, uint64_t ref) {
  for (const RecordSeries& one : rows.series) {
    if (one.ref == ref) return one;
  }
  FAIL("the series has no rows");
  return rows.series[0];
}

TEST_CASE("a record's rows come by tenant and series", "[wire]") {
  const std::string record = Record();
  const absl::StatusOr<RecordRows> rows = DecodeRecordRows(record);
  REQUIRE(rows.ok());
  CHECK(rows->accept_ms == 1234);
  REQUIRE(rows->tenants.size() == 2);
  const TenantRows& a = Of(*rows, kA);
  REQUIRE(a.series.size() == 3);
  const RecordSeries& first = Of(a, 10);
  REQUIRE(first.rows == 2);
  CHECK(a.timestamps_ms[first.first_row + 1] == 2000);
  CHECK(std::signbit(a.values[first.first_row + 1]));
  REQUIRE(first.exemplars == 1);
  CHECK(a.exemplars[first.first_exemplar].labels == "labels");
  REQUIRE(first.starts == 1);
  CHECK(a.starts[first.first_start] == model::StartRun{1000, 2000, 500});
  const RecordSeries& both = Of(a, 4);
  CHECK(both.rows == 2);
  REQUIRE(both.histograms == 2);
  CHECK(a.histograms[both.first_histogram] == Histogram(1));
  CHECK(a.histograms[both.first_histogram + 1] == Histogram(3));
  CHECK(a.histogram_timestamps_ms[both.first_histogram + 1] == 3000);
  const RecordSeries& only = Of(a, 12);
  CHECK(only.rows == 0);
  CHECK(a.histograms[only.first_histogram] == Histogram(2));
  const TenantRows& b = Of(*rows, kB);
  CHECK(b.values == std::vector<double>{1.5});
  CHECK(b.starts == model::StartRuns{{1000, 1000, 400}});
  REQUIRE(b.metadata.size() == 1);
  CHECK(b.metadata[0].help == "help");
  CHECK(a.metadata.empty());
}

TEST_CASE("a series that comes twice has the other kinds once", "[wire]") {
  encoding::DataRecordBuilder builder;
  builder.Start(9, 1234);
  const int64_t at_ms = 1000;
  const double value = 1;
  for (int i = 0; i < 2; ++i) {
    builder.Add(kA.kind, kA.id, 10, {&at_ms, 1}, {&value, 1});
    builder.kinds().AddStart(kA, 10, {1000, 1000, 500});
  }
  const std::string record = builder.Finish();
  const absl::StatusOr<RecordRows> rows = DecodeRecordRows(record);
  REQUIRE(rows.ok());
  const TenantRows& a = Of(*rows, kA);
  REQUIRE(a.series.size() == 2);
  CHECK(a.series[0].starts == 2);
  CHECK(a.series[1].starts == 0);
  CHECK(a.series[1].rows == 1);
}

TEST_CASE("a record cut anywhere is data loss or ends between sections",
          "[wire]") {
  const std::string record = Record();
  size_t whole = 0;
  for (size_t keep = 0; keep < record.size(); ++keep) {
    CAPTURE(keep);
    const auto rows = DecodeRecordRows(std::string_view(record).substr(0, keep));
    if (rows.ok()) {
      ++whole;
    } else {
      CHECK(absl::IsDataLoss(rows.status()));
    }
  }
  CHECK(whole == 8);  // none, or some of the sections
}

}  // namespace
}  // namespace varve::wire
