#include "lib/encoding/data_record_kinds.h"

#include <catch2/catch.hpp>

#include "lib/encoding/data_record.h"

namespace varve::encoding {
namespace {

const model::TenantId kTenant = model::TenantId::Numeric(7, 0);
const model::TenantId kOther = model::TenantId::Numeric(8, 0);

model::Histogram Make(uint64_t count) {
  model::Histogram histogram;
  histogram.layout.positive = {{0, 1}};
  histogram.count = count;
  histogram.buckets = {count};
  return histogram;
}

std::string BytesOf(const model::Histogram& histogram) {
  std::string bytes;
  AppendHistogramBytes(bytes, histogram);
  return bytes;
}

std::string RecordOfAllKinds() {
  DataRecordBuilder builder;
  builder.Start(1, 2);
  const int64_t at_ms = 1000;
  const double value = 0.5;
  builder.Add(0, kTenant.id, 5, {&at_ms, 1}, {&value, 1});
  builder.kinds().AddHistogram(kTenant, 5, 1000, BytesOf(Make(3)));
  builder.kinds().AddHistogram(kTenant, 4, 900, BytesOf(Make(4)));
  builder.kinds().AddExemplar(kTenant, 5, -5, -0.0, "labels");
  builder.kinds().AddHistogram(kOther, 9, INT64_MIN, BytesOf(Make(5)));
  builder.kinds().AddMetadata(
      kTenant, {"m", model::MetricType::kCounter, "helps", "seconds"});
  CHECK(builder.rows() == 6);
  return builder.Finish();
}

TEST_CASE("sections of all kinds read back", "[encoding]") {
  const std::string record = RecordOfAllKinds();
  DataRecordReader reader(record);
  REQUIRE(*reader.Next());
  CHECK(reader.kind() == SectionKind::kFloats);
  REQUIRE(*reader.Next());
  REQUIRE(reader.kind() == SectionKind::kHistograms);
  CHECK(reader.tenant_id() == kTenant.id);
  std::vector<HistogramRow> histograms;
  REQUIRE(DecodeHistogramSection(reader.body(), histograms).ok());
  REQUIRE(histograms.size() == 2);
  CHECK(histograms[1].ref == 4);
  CHECK(histograms[1].timestamp_ms == 900);
  CHECK(histograms[1].histogram == Make(4));
  REQUIRE(*reader.Next());
  REQUIRE(reader.kind() == SectionKind::kExemplars);
  std::vector<ExemplarRow> exemplars;
  REQUIRE(DecodeExemplarSection(reader.body(), exemplars).ok());
  REQUIRE(exemplars.size() == 1);
  CHECK(exemplars[0].ref == 5);
  CHECK(exemplars[0].exemplar == model::Exemplar{-5, -0.0, "labels"});
  REQUIRE(*reader.Next());
  CHECK(reader.tenant_id() == kOther.id);
  histograms.clear();
  REQUIRE(DecodeHistogramSection(reader.body(), histograms).ok());
  CHECK(histograms[0].timestamp_ms == INT64_MIN);
  REQUIRE(*reader.Next());
  REQUIRE(reader.kind() == SectionKind::kMetadata);
  std::vector<model::MetricMetadata> metadata;
  REQUIRE(DecodeMetadataSection(reader.body(), metadata).ok());
  REQUIRE(metadata.size() == 1);
  CHECK(metadata[0] ==
        model::MetricMetadata{"m", model::MetricType::kCounter, "helps",
                              "seconds"});
  CHECK_FALSE(*reader.Next());
}

TEST_CASE("sections cut at any byte are data loss", "[encoding]") {
  const std::string record = RecordOfAllKinds();
  DataRecordReader reader(record);
  while (*reader.Next()) {
    const std::string_view body = reader.body();
    for (size_t keep = 0; keep <= body.size() + 1; ++keep) {
      if (keep == body.size()) continue;
      CAPTURE(static_cast<int>(reader.kind()), keep);
      std::string cut(body.substr(0, keep));
      if (keep > body.size()) cut.push_back('x');
      std::vector<HistogramRow> histograms;
      std::vector<ExemplarRow> exemplars;
      std::vector<model::MetricMetadata> metadata;
      switch (reader.kind()) {
        case SectionKind::kHistograms:
          CHECK(absl::IsDataLoss(DecodeHistogramSection(cut, histograms)));
          break;
        case SectionKind::kExemplars:
          CHECK(absl::IsDataLoss(DecodeExemplarSection(cut, exemplars)));
          break;
        case SectionKind::kMetadata:
          CHECK(absl::IsDataLoss(DecodeMetadataSection(cut, metadata)));
          break;
        default:
          break;
      }
    }
  }
}

}  // namespace
}  // namespace varve::encoding
