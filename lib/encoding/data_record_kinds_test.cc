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
  builder.kinds().AddStart(kTenant, 5, {1000, 1000, 400});
  builder.kinds().AddStart(kTenant, 4, {900, 1900, -7});
  CHECK(builder.rows() == 8);
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
  REQUIRE(*reader.Next());
  REQUIRE(reader.kind() == SectionKind::kStarts);
  CHECK(reader.tenant_id() == kTenant.id);
  std::vector<StartRow> starts;
  REQUIRE(DecodeStartSection(reader.body(), starts).ok());
  REQUIRE(starts.size() == 2);
  CHECK(starts[0].ref == 5);
  CHECK(starts[0].run == model::StartRun{1000, 1000, 400});
  CHECK(starts[1].ref == 4);
  CHECK(starts[1].run == model::StartRun{900, 1900, -7});
  CHECK_FALSE(*reader.Next());
}

TEST_CASE("runs of start timestamps are as drawn in the docs", "[encoding]") {
  DataRecordBuilder builder;
  builder.Start(0, 0);
  builder.kinds().AddStart(kTenant, 1000,
                           {1780000000000, 1780000000000, 1779999990000});
  builder.kinds().AddStart(kTenant, 1001,
                           {1780000000000, 1780000015000, 1779999990000});
  const std::string record = builder.Finish();
  DataRecordReader reader(record);
  REQUIRE(*reader.Next());
  CHECK(reader.body() ==
        std::string_view("\x02"
                         "\xd0\x0f\x80\xa0\xa4\x84\xce\x67\x00"
                         "\xe0\x83\xa3\x84\xce\x67"
                         "\x02\x00\x98\x75\x00",
                         21));
}

TEST_CASE("impossible runs of start timestamps are data loss", "[encoding]") {
  const auto decode = [](std::string_view body) {
    std::vector<StartRow> starts;
    return absl::IsDataLoss(DecodeStartSection(body, starts));
  };
  CHECK_FALSE(decode({"\x01\x02\x04\x00\x06", 5}));
  CHECK(decode({"\x01\x02\x04\x00\x00", 5}));  // no start
  // It ends before it begins: the length wraps.
  CHECK(decode({"\x01\x02\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                "\x06",
                14}));
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
      std::vector<StartRow> starts;
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
        case SectionKind::kStarts:
          CHECK(absl::IsDataLoss(DecodeStartSection(cut, starts)));
          break;
        default:
          break;
      }
    }
  }
}

}  // namespace
}  // namespace varve::encoding
