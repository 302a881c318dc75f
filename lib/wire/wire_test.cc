#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "absl/strings/escaping.h"
#include "lib/base/status.h"
#include "lib/model/label.h"
#include "lib/model/sample.h"
#include "lib/wire/convert.h"
#include "lib/wire/data_frame.h"
#include "lib/wire/features.h"
#include "lib/wire/hello.h"
#include "lib/wire/methods.h"
#include "lib/wire/series_batch.h"

namespace varve::wire {
namespace {

using model::SampleColumns;

std::string Canonical(const model::LabelSet& labels) {
  std::string out;
  model::AppendCanonicalBytes(out, labels);
  return out;
}

void CheckSame(const SampleColumns& got, const SampleColumns& want) {
  REQUIRE(got.timestamps_ms == want.timestamps_ms);
  REQUIRE(got.values.size() == want.values.size());
  for (size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(model::SameBits(got.values[i], want.values[i]));
  }
}

SampleColumns OddValues() {
  SampleColumns columns;
  int64_t at_ms = 0;
  for (double value :
       {0.0, -0.0, 1.5, std::numeric_limits<double>::infinity(),
        -std::numeric_limits<double>::infinity(), model::StaleNan(),
        model::NormalNan(), std::numeric_limits<double>::max(),
        std::numeric_limits<double>::denorm_min(), 17.0, 3.0}) {
    columns.push_back(at_ms += 15'000, value);
  }
  return columns;
}

TEST_CASE("a data frame carries its record bit for bit", "[wire]") {
  for (const bool compress : {false, true}) {
    for (const std::string& record :
         {std::string(), std::string("x"), std::string(100'000, 'a')}) {
      const std::string bytes = EncodeDataFrame(record, 1, 77, compress);
      const auto frame = DecodeDataFrame(bytes);
      REQUIRE(frame.ok());
      CHECK(frame->record() == record);
      CHECK(frame->ack == 1);
      CHECK(frame->ref_epoch == 77);
    }
  }
  CHECK(EncodeDataFrame(std::string(100'000, 'a'), 0, 0, true).size() < 1'000);
}

// The worked example of docs/formats/wire.md.
TEST_CASE("a data frame begins with the documented bytes", "[wire]") {
  const std::string bytes =
      EncodeDataFrame(std::string(42, 'r'), 0, 0x0102030405060708, false);
  CHECK(absl::BytesToHexString(bytes.substr(0, 14)) ==
        "00" "00" "0807060504030201" "2a000000");
  CHECK(bytes.substr(14) == std::string(42, 'r'));
}

TEST_CASE("a data frame cut or grown anywhere is data loss", "[wire]") {
  for (const bool compress : {false, true}) {
    const std::string bytes =
        EncodeDataFrame(std::string(300, 'b') + "end", 0, 5, compress);
    for (size_t keep = 0; keep < bytes.size(); ++keep) {
      CAPTURE(keep);
      CHECK(absl::IsDataLoss(
          DecodeDataFrame(std::string_view(bytes).substr(0, keep)).status()));
    }
  }
  const std::string plain = EncodeDataFrame("abc", 0, 5, false);
  CHECK(absl::IsDataLoss(DecodeDataFrame(plain + "x").status()));
}

TEST_CASE("a data frame that claims too much is refused", "[wire]") {
  std::string bytes = EncodeDataFrame("abc", 0, 5, false);
  bytes[13] = '\x7f';  // the top byte of size
  CHECK(absl::IsResourceExhausted(DecodeDataFrame(bytes).status()));
}

TEST_CASE("a batch carries every bit pattern", "[wire]") {
  const std::string labels = Canonical({{"__name__", "up"}, {"job", "a"}});
  const model::SeriesHash hash{1, 2};
  SeriesBatchWriter writer;
  CHECK(writer.empty());
  SampleColumns none;
  writer.Add(hash, labels, OddValues());
  writer.Add({3, 4}, "", none);
  writer.Add({5, 6}, labels, OddValues());
  CHECK(writer.samples() == 2 * OddValues().size());
  const std::string message = writer.Finish();
  CHECK(writer.empty());
  const auto batch = DecodeSeriesBatch(message);
  REQUIRE(batch.ok());
  CHECK_FALSE(batch->is_end);
  REQUIRE(batch->series.size() == 3);
  CHECK(batch->series[0].hash == hash);
  CHECK(batch->series[0].labels == labels);
  CheckSame(batch->series[0].samples, OddValues());
  CHECK(batch->series[1].samples.empty());
  CheckSame(batch->series[2].samples, OddValues());
}

TEST_CASE("a timestamp column equal to the last is sent once", "[wire]") {
  SeriesBatchWriter one;
  one.Add({1, 1}, "", OddValues());
  const size_t single = one.bytes();
  SeriesBatchWriter two;
  two.Add({1, 1}, "", OddValues());
  two.Add({1, 2}, "", OddValues());
  SampleColumns other = OddValues();
  other.timestamps_ms.back() += 1;
  SeriesBatchWriter apart;
  apart.Add({1, 1}, "", OddValues());
  apart.Add({1, 2}, "", other);
  CHECK(two.bytes() < apart.bytes());
  CHECK(two.bytes() < 2 * single - 1);
  CHECK(DecodeSeriesBatch(apart.Finish())->series[1].samples.timestamps_ms ==
        other.timestamps_ms);
}

SampleColumns Counter(int64_t step) {
  SampleColumns columns;
  for (int64_t i = 0; i < 120; ++i) {
    columns.push_back(i * 15'000, static_cast<double>(i * step + i % 3));
  }
  return columns;
}

SampleColumns Floats(int seed) {
  SampleColumns columns;
  for (int i = 0; i < 120; ++i) {
    columns.push_back(int64_t{i} * 15'000, std::sin(seed + i));
  }
  return columns;
}

TEST_CASE("what one metric teaches the encoder does not widen another",
          "[wire]") {
  const std::string counter = Canonical({{"__name__", "c"}, {"job", "a"}});
  const std::string gauge = Canonical({{"__name__", "g"}, {"job", "a"}});
  SeriesBatchWriter together;
  SeriesBatchWriter counters;
  SeriesBatchWriter gauges;
  std::vector<SampleColumns> sent;
  for (int i = 0; i < 20; ++i) {
    sent.push_back(Floats(i));
    together.Add({1, 1}, gauge, sent.back());
    gauges.Add({1, 1}, gauge, sent.back());
    sent.push_back(Counter(1000 + i));
    together.Add({1, 2}, counter, sent.back());
    counters.Add({1, 2}, counter, sent.back());
  }
  CHECK(together.bytes() < counters.bytes() + gauges.bytes());
  const auto batch = DecodeSeriesBatch(together.Finish());
  REQUIRE(batch.ok());
  REQUIRE(batch->series.size() == sent.size());
  for (size_t i = 0; i < sent.size(); ++i) {
    CAPTURE(i);
    CheckSame(batch->series[i].samples, sent[i]);
  }
}

TEST_CASE("series of one metric that are not alike arrive whole", "[wire]") {
  const std::string labels = Canonical({{"__name__", "m"}});
  SampleColumns flat = Counter(0);
  std::fill(flat.values.begin(), flat.values.end(), 0.1 + 0.2);
  SampleColumns short_one;
  short_one.push_back(1, 2.5);
  short_one.push_back(2, -2.5);
  const std::vector<SampleColumns> sent = {
      Counter(3), Floats(1), short_one, OddValues(), flat,
      Counter(1), short_one, Floats(2), OddValues(), Counter(1'000'000'007)};
  SeriesBatchWriter writer;
  for (const SampleColumns& one : sent) writer.Add({1, 1}, labels, one);
  const auto batch = DecodeSeriesBatch(writer.Finish());
  REQUIRE(batch.ok());
  REQUIRE(batch->series.size() == sent.size());
  for (size_t i = 0; i < sent.size(); ++i) {
    CAPTURE(i);
    CheckSame(batch->series[i].samples, sent[i]);
  }
}

TEST_CASE("a series longer than a chunk arrives whole", "[wire]") {
  SampleColumns columns;
  for (int i = 0; i < 140'000; ++i) {
    columns.push_back(int64_t{i} * 1000, i % 7);
  }
  SeriesBatchWriter writer;
  writer.Add({1, 1}, "", columns);
  CHECK(writer.full());
  const auto batch = DecodeSeriesBatch(writer.Finish());
  REQUIRE(batch.ok());
  CheckSame(batch->series[0].samples, columns);
}

TEST_CASE("a batch cut or bent anywhere never gives wrong sizes", "[wire]") {
  SeriesBatchWriter writer;
  writer.Add({1, 2}, "ab", OddValues());
  writer.Add({1, 3}, "cd", OddValues());
  const std::string message = writer.Finish();
  int whole = 0;  // cuts between two series are valid batches
  for (size_t keep = 0; keep < message.size(); ++keep) {
    CAPTURE(keep);
    const auto batch =
        DecodeSeriesBatch(std::string_view(message).substr(0, keep));
    if (batch.ok()) ++whole;
  }
  CHECK(whole == 2);
  for (size_t bit = 0; bit < message.size() * 8; ++bit) {
    std::string bent = message;
    bent[bit / 8] ^= static_cast<char>(1 << bit % 8);
    const auto batch = DecodeSeriesBatch(bent);
    if (!batch.ok()) continue;
    for (const WireSeries& series : batch->series) {
      CHECK(series.samples.timestamps_ms.size() ==
            series.samples.values.size());
    }
  }
}

TEST_CASE("start timestamps travel to who asks for them", "[wire]") {
  const model::SampleColumns samples{{1000, 2000}, {1, 2}};
  const model::StartRuns starts = {
      {1000, 1500, 700}, {2000, 2000, -3}, {9000, 9500, 8000}};
  SeriesBatchWriter with(true, true);
  with.Add({1, 2}, "a", samples, {}, {{1500, 0.5, "trace"}}, starts);
  with.Add({1, 3}, "b", samples);
  const std::string message = with.Finish();
  const auto batch = DecodeSeriesBatch(message);
  REQUIRE(batch.ok());
  REQUIRE(batch->series.size() == 2);
  CHECK(batch->series[0].starts == starts);
  CHECK(batch->series[0].exemplars.size() == 1);
  CHECK(batch->series[1].starts.empty());
  CHECK(batch->series[1].samples.timestamps_ms == samples.timestamps_ms);
  // An asker of an older release gets the bytes that it knows.
  SeriesBatchWriter older(true);
  older.Add({1, 2}, "a", samples, {}, {}, starts);
  SeriesBatchWriter before(true);
  before.Add({1, 2}, "a", samples);
  CHECK(older.Finish() == before.Finish());
  // Runs that are read are in order, whatever the bytes.
  for (size_t i = 1; i < message.size(); ++i) {
    for (const int bit : {0x01, 0x40, 0x80}) {
      std::string bent = message;
      bent[i] = static_cast<char>(bent[i] ^ bit);
      const auto read = DecodeSeriesBatch(bent);
      if (!read.ok()) continue;
      for (const WireSeries& series : read->series) {
        for (size_t r = 0; r < series.starts.size(); ++r) {
          CHECK(series.starts[r].first_ms <= series.starts[r].last_ms);
          if (r == 0) continue;
          CHECK(series.starts[r - 1].last_ms < series.starts[r].first_ms);
        }
      }
    }
  }
}

TEST_CASE("an empty batch and the end are told apart", "[wire]") {
  SeriesBatchWriter writer;
  CHECK(DecodeSeriesBatch(writer.Finish())->series.empty());
  proto::Coverage coverage;
  coverage.set_node_id(9);
  coverage.set_coverage_version(10);
  const auto end = DecodeSeriesBatch(EncodeSearchEnd(coverage));
  REQUIRE(end.ok());
  CHECK(end->is_end);
  CHECK(end->coverage.coverage_version() == 10);
  CHECK(absl::IsDataLoss(DecodeSeriesBatch("").status()));
  CHECK(absl::IsDataLoss(DecodeSeriesBatch("\x07").status()));
}

TEST_CASE("a batch of impossible sizes allocates nothing", "[wire]") {
  std::string bytes(1, '\0');
  bytes.append(16, '\0');
  bytes.append("\0\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10);
  CHECK(absl::IsResourceExhausted(DecodeSeriesBatch(bytes).status()));
}

TEST_CASE("a greeting tells version, node and features", "[wire]") {
  const auto hello = DecodeHello(EncodeStorageHello(12, 34, "zone-a", 5));
  REQUIRE(hello.ok());
  CHECK(hello->version == kWireVersion);
  CHECK(hello->role == "storage");
  CHECK(hello->node_id == 12);
  CHECK(hello->ref_epoch == 34);
  CHECK(hello->zone == "zone-a");
  CHECK(hello->weight == 5);
  CHECK(DecodeHello(EncodeStorageHello(12, 34, ""))->weight == 1);
  CHECK(hello->features == kFeatures);
  CHECK(absl::IsDataLoss(DecodeHello("\xff\xff").status()));
}

TEST_CASE("a greeting is accepted by version and token", "[wire]") {
  CHECK(AcceptHello(EncodeHello("insert", ""), "").ok());
  CHECK(AcceptHello(EncodeHello("insert", "any"), "").ok());
  CHECK(AcceptHello(EncodeHello("insert", "secret"), "secret").ok());
  const absl::Status refused =
      AcceptHello(EncodeHello("insert", "wrong!"), "secret");
  CHECK(absl::IsPermissionDenied(refused));
  CHECK(refused.message().find("secret") == absl::string_view::npos);
  CHECK(absl::IsFailedPrecondition(AcceptHello("", "")));  // version 0
}

TEST_CASE("releases next to one another speak, others are told why not",
          "[wire]") {
  const auto hello = [](uint32_t version) {
    proto::Hello message;
    message.set_version(version);
    return message.SerializeAsString();
  };
  CHECK(AcceptHello(hello(kWireVersion), "").ok());
  CHECK(AcceptHello(hello(kWireVersion + 1), "").ok());
  for (const uint32_t version : {uint32_t{0}, kWireVersion + 2, UINT32_MAX}) {
    CAPTURE(version);
    const absl::Status refused = AcceptHello(hello(version), "");
    CHECK(absl::IsFailedPrecondition(refused));
    CHECK(std::string(refused.message()) ==
          base::StrCat("HELLO of version ", version,
                       "; this node speaks version 1 and works with versions "
                       "1 to 2"));
  }
}

TEST_CASE("what a release lacks has names", "[wire]") {
  const auto lacked = [](const std::string& bytes, uint64_t bits) {
    Hello hello = DecodeHello(bytes).value();
    hello.features &= ~bits;
    return LackedFeatures(hello);
  };
  const std::string storage = EncodeStorageHello(1, 2, "");
  CHECK(lacked(storage, 0).empty());
  CHECK(lacked(storage, kFeatureHints | kFeatureLz4) == "LZ4, hints");
  // What a role never has is not lacked.
  CHECK(lacked(EncodeSelectServerHello(), 0).empty());
  CHECK(lacked(EncodeInsertServerHello(1, 2, kFeatures, {}), 0).empty());
  CHECK(lacked(EncodeInsertServerHello(1, 2, kFeatures, {}), kFeatureStarts) ==
        "start timestamps");
}

TEST_CASE("tenants and matchers survive the wire", "[wire]") {
  proto::Tenant tenant;
  ToProto(model::TenantId::Numeric(4'294'967'295u, 7), tenant);
  CHECK(FromProto(tenant).value() ==
        model::TenantId::Numeric(4'294'967'295u, 7));
  tenant.set_kind(9);
  CHECK(absl::IsInvalidArgument(FromProto(tenant).status()));

  const std::vector<model::Matchers> groups = {
      {{model::MatchType::kEqual, "a", "b"},
       {model::MatchType::kNotRegex, "__name__", "x.*\xff"}},
      {}};
  proto::SearchRequest request;
  ToProto(groups, *request.mutable_groups());
  CHECK(FromProto(request.groups()).value() == groups);
  request.mutable_groups(0)->mutable_matchers(0)->set_type(4);
  CHECK(absl::IsInvalidArgument(FromProto(request.groups()).status()));
}

}  // namespace
}  // namespace varve::wire
