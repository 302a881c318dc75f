#include "lib/encoding/data_record.h"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace varve::encoding {
namespace {

struct Series {
  uint8_t tenant_kind;
  uint64_t tenant_id;
  uint64_t ref;
  std::vector<int64_t> times;
  std::vector<double> values;
};

std::string Build(const std::vector<Series>& all) {
  DataRecordBuilder builder;
  builder.Start(0x1122334455667788, 1'780'000'000'000);
  for (const Series& one : all) {
    builder.Add(one.tenant_kind, one.tenant_id, one.ref, one.times, one.values);
  }
  return builder.Finish();
}

absl::Status Read(std::string_view record, std::vector<Series>& all) {
  // A copy of its own, so that a sanitizer sees every read past the end.
  const std::vector<char> exact(record.begin(), record.end());
  DataRecordReader reader({exact.data(), exact.size()});
  FloatSection section;
  while (true) {
    const absl::StatusOr<bool> next = reader.Next();
    if (!next.ok()) return next.status();
    if (!*next) return absl::OkStatus();
    if (reader.kind() != SectionKind::kFloats) continue;
    if (absl::Status status = reader.DecodeFloats(section); !status.ok()) {
      return status;
    }
    size_t row = 0;
    for (size_t i = 0; i < section.refs.size(); ++i) {
      const auto begin = static_cast<std::ptrdiff_t>(row);
      row += section.counts[i];
      const auto end = static_cast<std::ptrdiff_t>(row);
      Series& one = all.emplace_back(
          Series{section.tenant_kind,
                 section.tenant_id,
                 section.refs[i],
                 {section.timestamps_ms.begin() + begin,
                  section.timestamps_ms.begin() + end},
                 {}});
      std::transform(section.values.begin() + begin,
                     section.values.begin() + end,
                     std::back_inserter(one.values), FromScaled);
    }
  }
}

void CheckRoundTrip(const std::vector<Series>& all) {
  std::vector<Series> got;
  REQUIRE(Read(Build(all), got).ok());
  REQUIRE(got.size() == all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    CAPTURE(i);
    REQUIRE(got[i].tenant_kind == all[i].tenant_kind);
    REQUIRE(got[i].tenant_id == all[i].tenant_id);
    REQUIRE(got[i].ref == all[i].ref);
    REQUIRE(got[i].times == all[i].times);
    REQUIRE(got[i].values.size() == all[i].values.size());
    for (size_t k = 0; k < all[i].values.size(); ++k) {
      REQUIRE(std::bit_cast<uint64_t>(got[i].values[k]) ==
              std::bit_cast<uint64_t>(all[i].values[k]));
    }
  }
}

std::vector<Series> Scrape() {
  std::vector<Series> all;
  for (uint64_t ref = 1; ref <= 100; ++ref) {
    all.push_back({0, 7, ref, {1'780'000'000'000}, {0.25 * ref}});
  }
  return all;
}

TEST_CASE("a record without rows holds its ring and time", "[encoding]") {
  const std::string record = Build({});
  CHECK(record.size() == 16);
  DataRecordReader reader(record);
  CHECK(reader.ring() == 0x1122334455667788);
  CHECK(reader.accept_ms() == 1'780'000'000'000);
  CHECK(*reader.Next() == false);
}

TEST_CASE("a scrape of one timestamp comes back in few bytes", "[encoding]") {
  CheckRoundTrip(Scrape());
  CHECK(Build(Scrape()).size() < 100 * 4);
}

TEST_CASE("the bytes are those of docs/formats/data_record.md", "[encoding]") {
  DataRecordBuilder builder;
  builder.Start(0x1122334455667788, 1'780'000'000'500);
  const std::vector<int64_t> time = {1'780'000'000'000};
  builder.Add(0, 7, 1000, time, std::vector<double>{3});
  builder.Add(0, 7, 1001, time, std::vector<double>{0.25});
  builder.Add(0, 7, 1003, time, std::vector<double>{-17});
  builder.Add(0, 7, 1004, time, std::vector<double>{4'194'304});
  CHECK(builder.Finish() ==
        std::string("\x88\x77\x66\x55\x44\x33\x22\x11"
                    "\xf4\x89\x44\x70\x9e\x01\x00\x00"
                    "\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00"
                    "\x15\x00\x00\x00\x04\x04\x03\xd0\x0f\x02\x04\x02"
                    "\x80\xa0\xa4\x84\xce\x67\x0c\xc5\x0c\x42\x81\x80\x10",
                    51));
}

TEST_CASE("a change of tenant starts a section", "[encoding]") {
  CheckRoundTrip({{0, 1, 5, {10}, {1}},
                  {0, 1, 6, {10, 20}, {2, 3}},
                  {1, 1, 5, {10}, {4}},
                  {0, std::numeric_limits<uint64_t>::max(), 0, {}, {}},
                  {0, 1, 5, {30}, {5}}});
}

TEST_CASE("the builder starts anew after Finish", "[encoding]") {
  DataRecordBuilder builder;
  for (int round = 0; round < 3; ++round) {
    builder.Start(1, 2);
    CHECK(builder.rows() == 0);
    builder.Add(0, 3, 4, std::vector<int64_t>{5, 6}, std::vector<double>{7, 8});
    CHECK(builder.rows() == 2);
    const std::string record = builder.Finish();
    std::vector<Series> got;
    REQUIRE(Read(record, got).ok());
    REQUIRE(got.size() == 1);
    CHECK(got[0].times == std::vector<int64_t>{5, 6});
  }
}

TEST_CASE("random rows of any bits come back", "[encoding]") {
  std::mt19937_64 random(29);
  for (int round = 0; round < 200; ++round) {
    std::vector<Series> all(random() % 60);
    for (Series& one : all) {
      one.tenant_kind = round % 7 == 0 ? 1 : 0;
      one.tenant_id = random() % 3;
      one.ref = random() >> random() % 64;
      const size_t rows = round % 3 == 0 ? 1 : random() % 5;
      for (size_t i = 0; i < rows; ++i) {
        one.times.push_back(round % 2 == 0
                                ? static_cast<int64_t>(random())
                                : static_cast<int64_t>(random() % 2));
        one.values.push_back(
            random() % 2 == 0 ? std::bit_cast<double>(random())
                              : static_cast<double>(random() % 100'000) / 100);
      }
    }
    CAPTURE(round);
    CheckRoundTrip(all);
  }
}

TEST_CASE("special values come back", "[encoding]") {
  using Limits = std::numeric_limits<double>;
  CheckRoundTrip({{0, 0, 0, {std::numeric_limits<int64_t>::min()}, {-0.0}},
                  {0,
                   0,
                   std::numeric_limits<uint64_t>::max(),
                   {std::numeric_limits<int64_t>::max()},
                   {Limits::infinity()}},
                  {0,
                   0,
                   1,
                   {0, 1, 2},
                   {Limits::quiet_NaN(), -Limits::infinity(),
                    std::bit_cast<double>(uint64_t{0x7ff0000000000002})}}});
}

TEST_CASE("decimals at the bounds of their tokens come back", "[encoding]") {
  std::vector<double> values;
  for (const double value :
       {0.0, 1023.0, 1024.0, 1025.0, 1023.0 * 1024, 0x1p49, 0x1p50, 0x1p50 - 1,
        0x1p50 + 1, 0x1p51, 0x1p50 / 100, (0x1p50 - 1024) / 10, 1024.5}) {
    values.push_back(value);
    values.push_back(-value);
  }
  // Twice over: the last ones are read in another way than the rest.
  values.insert(values.end(), values.begin(), values.end());
  std::vector<int64_t> times(values.size());
  CheckRoundTrip({{0, 7, 3, times, values}});
}

TEST_CASE("sizes in bytes are short", "[encoding]") {
  const auto size_of = [](double value) {
    return Build({{0, 7, 3, {1}, {value}}}).size();
  };
  CHECK(size_of(0x1p30) + 1 == size_of(0x1p30 + 1));
}

TEST_CASE("a decimal beyond what writers make is data loss", "[encoding]") {
  std::string record = Build({{0, 7, 3, {1}, {double{1 << 20}}}});
  REQUIRE(record.ends_with("\x81\x80\x04"));
  std::vector<Series> got;
  REQUIRE(Read(record, got).ok());
  REQUIRE(got.back().values == std::vector<double>{1 << 20});
  // The same token but for its end: 2^51 / 10.
  record.resize(record.size() - 3);
  record.append("\x83\x80\x80\x80\x80\x80\x80\x80\x02");
  record[16 + 10] = static_cast<char>(record[16 + 10] + 6);
  CHECK(absl::IsDataLoss(Read(record, got)));
}

TEST_CASE("tokens that no writer makes are data loss", "[encoding]") {
  for (const std::string_view token : {
           // No end, as long as a raw value and its token and longer.
           std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                            "12345678"),
           // 2^54 * 1024, which is 0 in 64 bits.
           std::string_view("\x81\x80\x80\x80\x80\x80\x80\x80\x10"),
           // A raw value by a token of two bytes.
           std::string_view("\x9f\x00"
                            "12345678",
                            10)}) {
    CAPTURE(token.size());
    std::string record = Build({{0, 7, 3, {1}, {double{1 << 20}}}});
    record.resize(record.size() - 3);
    record.append(token);
    record[16 + 10] = static_cast<char>(record[16 + 10] + token.size() - 3);
    std::vector<Series> got;
    CHECK(absl::IsDataLoss(Read(record, got)));
  }
}

TEST_CASE("a record cut at any byte but a section's end is data loss",
          "[encoding]") {
  std::vector<Series> all = Scrape();
  all.push_back({0, 7, 3, {1, 2, 3}, {0.1 + 0.2, 5, 6}});
  const std::string record = Build(all);
  for (size_t keep = 0; keep < record.size(); ++keep) {
    if (keep == 16) continue;  // a record without sections is whole
    CAPTURE(keep);
    std::vector<Series> got;
    CHECK(
        absl::IsDataLoss(Read(std::string_view(record).substr(0, keep), got)));
  }
}

TEST_CASE("an unknown kind of section is passed over", "[encoding]") {
  std::string record = Build({{0, 1, 2, {3}, {4}}});
  std::string unknown = record.substr(16);
  unknown[0] = 9;
  record.insert(16, unknown);
  std::vector<Series> got;
  REQUIRE(Read(record, got).ok());
  CHECK(got.size() == 1);
}

TEST_CASE("flipped bits and random bytes stay inside the record",
          "[encoding]") {
  const std::string record = Build(Scrape());
  std::vector<Series> got;
  for (size_t bit = 0; bit < record.size() * 8; ++bit) {
    std::string flipped = record;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    got.clear();
    (void)Read(flipped, got);
  }
  std::mt19937_64 random(31);
  for (int i = 0; i < 20'000; ++i) {
    std::string noise = record.substr(0, 16 + 10);
    const auto size = static_cast<uint32_t>(random() % 60);
    noise.append(reinterpret_cast<const char*>(&size), 4);
    for (uint32_t k = 0; k < size; ++k) {
      noise.push_back(static_cast<char>(random() % (i % 2 == 0 ? 256 : 8)));
    }
    got.clear();
    (void)Read(noise, got);
  }
}

}  // namespace
}  // namespace varve::encoding
