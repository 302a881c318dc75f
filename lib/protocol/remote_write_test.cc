#include "lib/protocol/remote_write.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "lib/base/byte_coding.h"
#include "lib/model/sample.h"
#include "lib/protocol/check_body.h"
#include "proto/remote_write_v1.pb.h"

namespace varve::protocol {
namespace {

using Write = remote_write_v1::WriteRequest;

struct Row {
  std::vector<model::Label> labels;
  std::vector<int64_t> timestamps_ms;
  std::vector<uint64_t> value_bits;
  friend bool operator==(const Row&, const Row&) = default;
};

std::vector<Row> ByLibrary(const Write& write) {
  std::vector<Row> rows;
  for (const auto& series : write.timeseries()) {
    Row row;
    for (const auto& label : series.labels()) {
      row.labels.push_back({label.name(), label.value()});
    }
    for (const auto& sample : series.samples()) {
      row.timestamps_ms.push_back(sample.timestamp());
      row.value_bits.push_back(std::bit_cast<uint64_t>(sample.value()));
    }
    if (series.samples_size() + series.histograms_size() +
            series.exemplars_size() >
        0) {
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

absl::StatusOr<std::vector<Row>> ByHand(std::string_view body,
                                        size_t rows_max = SIZE_MAX) {
  std::vector<Row> rows;
  RemoteWriteWalker walker(body);
  SampleBatch batch;
  bool more = true;
  while (more) {
    batch.Clear();
    batch.form = IdentityForm::kRemoteWriteLabels;
    auto next = walker.Next(batch, rows_max);
    if (!next.ok()) return next.status();
    more = *next;
    for (const BatchSeries& series : batch.series) {
      Row row;
      if (auto status = ParseRawLabels(series.identity, row.labels);
          !status.ok()) {
        return status;
      }
      const auto timestamps = batch.Timestamps(series);
      row.timestamps_ms.assign(timestamps.begin(), timestamps.end());
      for (double value : batch.Values(series)) {
        row.value_bits.push_back(std::bit_cast<uint64_t>(value));
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

Write RandomWrite(std::mt19937_64& random) {
  const double values[] = {0.0,
                           -0.0,
                           1,
                           -1.5,
                           std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity(),
                           model::StaleNan(),
                           model::NormalNan(),
                           std::numeric_limits<double>::denorm_min(),
                           1e308};
  const int64_t times[] = {0, 1, -1, 1'795'167'828'123, INT64_MAX, INT64_MIN};
  Write write;
  for (uint64_t s = random() % 5; s > 0; --s) {
    auto* series = write.add_timeseries();
    for (uint64_t l = random() % 4; l > 0; --l) {
      auto* label = series->add_labels();
      label->set_name(std::string(random() % 200, 'n'));
      label->set_value(std::string(random() % 3, static_cast<char>(random())));
    }
    for (uint64_t n = random() % 4; n > 0; --n) {
      auto* sample = series->add_samples();
      sample->set_value(values[random() % std::size(values)]);
      sample->set_timestamp(times[random() % std::size(times)]);
    }
    if (random() % 8 == 0) series->add_exemplars()->set_value(1);
    if (random() % 8 == 0) series->add_histograms()->set_schema(3);
  }
  if (random() % 4 == 0) write.add_metadata()->set_help("text");
  return write;
}

std::string UsualBody() {
  Write write;
  auto* series = write.add_timeseries();
  auto* label = series->add_labels();
  label->set_name("__name__");
  label->set_value("up");
  auto* sample = series->add_samples();
  sample->set_value(1);
  sample->set_timestamp(1000);
  return write.SerializeAsString();
}

TEST_CASE("the walker reads what the protobuf library reads", "[protocol]") {
  std::mt19937_64 random(7);
  for (int i = 0; i < 5000; ++i) {
    const Write write = RandomWrite(random);
    const std::string body = write.SerializeAsString();
    const auto rows = ByHand(body, 1 + random() % 9);
    REQUIRE(rows.ok());
    REQUIRE(*rows == ByLibrary(write));
    REQUIRE(CheckBody<RemoteWriteWalker>(body).ok());
  }
}

TEST_CASE("on damaged bytes the walker and the library agree or one refuses",
          "[protocol]") {
  std::mt19937_64 random(8);
  int both = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string body = RandomWrite(random).SerializeAsString();
    if (body.empty()) continue;
    for (uint64_t n = 1 + random() % 3; n > 0; --n) {
      body[random() % body.size()] ^= static_cast<char>(1 << random() % 8);
    }
    Write write;
    const auto rows = ByHand(body);
    CHECK(rows.ok() == CheckBody<RemoteWriteWalker>(body).ok());
    if (!rows.ok() || !write.ParseFromString(body)) continue;
    ++both;
    REQUIRE(*rows == ByLibrary(write));
  }
  CHECK(both > 1000);
}

TEST_CASE("a write cut at any byte is refused or has fewer series",
          "[protocol]") {
  const std::string body = UsualBody();
  for (size_t size = 0; size < body.size(); ++size) {
    const std::string cut(body.data(), size);  // its own end, for ASan
    const auto rows = ByHand(cut);
    if (rows.ok()) {
      CHECK(rows->empty());
      CHECK(size == 0);
    } else {
      CHECK(rows.status().code() == absl::StatusCode::kInvalidArgument);
    }
  }
}

TEST_CASE("label fields in several runs are one identity", "[protocol]") {
  const std::string a = std::string(
      "\x0a\x06\x0a\x01"
      "a\x12\x01x",
      8);
  const std::string b = std::string(
      "\x0a\x06\x0a\x01"
      "b\x12\x01y",
      8);
  const std::string sample("\x12\x02\x10\x05", 4);
  const std::string series = a + sample + b;
  const std::string body =
      std::string("\x0a") + static_cast<char>(series.size()) + series;
  const auto rows = ByHand(body);
  REQUIRE(rows.ok());
  REQUIRE(rows->size() == 1);
  CHECK((*rows)[0].labels == std::vector<model::Label>{{"a", "x"}, {"b", "y"}});
  CHECK((*rows)[0].timestamps_ms == std::vector<int64_t>{5});
  CHECK((*rows)[0].value_bits == std::vector<uint64_t>{0});
}

TEST_CASE("a remote write 2.0 body is refused by name", "[protocol]") {
  for (const char field : {'\x22', '\x2a'}) {  // symbols, timeseries
    const std::string body = std::string(1, field) + '\x01' + 'x';
    const auto rows = ByHand(body);
    REQUIRE_FALSE(rows.ok());
    CHECK(rows.status().code() == absl::StatusCode::kInvalidArgument);
    CHECK(std::string(rows.status().message()).find("2.0") !=
          std::string::npos);
  }
}

TEST_CASE("a series of too many empty samples is refused", "[protocol]") {
  std::string series;
  for (uint32_t i = 0; i <= kSeriesRowsMax; ++i)
    series += '\x12', series += '\0';
  std::string body = "\x0a";
  base::PutVarint(body, series.size());
  body += series;
  const auto rows = ByHand(body);
  REQUIRE_FALSE(rows.ok());
  CHECK(std::string(rows.status().message()).find("1048576") !=
        std::string::npos);
}

TEST_CASE("lengths beyond the message are refused", "[protocol]") {
  for (std::string body :
       {std::string("\x0a\x7f"), std::string("\x0a\xff\xff\xff\xff\x0f"),
        std::string("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        std::string("\x0a\x02\x12\x05"), std::string("\x0b"),
        std::string("\x00", 1), std::string("garbage that is no protobuf")}) {
    CHECK_FALSE(ByHand(body).ok());
    CHECK_FALSE(CheckBody<RemoteWriteWalker>(body).ok());
  }
}

}  // namespace
}  // namespace varve::protocol
