#include "lib/repair/day_digests.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "lib/repair/digest_node.h"

namespace varve::repair {
namespace {

using model::kDayMs;
using storage::kNowMs;
using storage::kTenant;
using storage::Samples;
using Node = DigestNode;

TEST_CASE("a day that is over is computed once, until it changes",
          "[repair]") {
  Node node;
  node.Append(1, Samples({{kDayStartMs, 1}, {kNowMs, 1}}));
  const auto first = node.Digest();
  CHECK(first.settled);
  CHECK(node.Rows() == first.rows);
  CHECK(node.Computed() == 1);
  CHECK(node.digests->Stats().kept == 1);
  node.Flush();
  CHECK(node.Rows() == first.rows);
  CHECK(node.Computed() == 1);
  // Not while it goes on.
  const auto today = static_cast<int32_t>(kNowMs / kDayMs);
  CHECK(!node.Digest(today).settled);
  node.Rows(today);
  CHECK(node.Computed() == 3);
  // A late sample reopens its day, and adds to its hour alone.
  node.Append(1, Samples({{kDayStartMs + 5 * kHourMs, 1}}));
  const auto late = node.Rows();
  CHECK(node.Computed() == 4);
  REQUIRE(late.size() == 2);
  CHECK(late[0] == first.rows[0]);
  CHECK(late[1].hour == 5);
  node.Rows();
  CHECK(node.Computed() == 4);
  // And so does a delete; rows of another day, or of the last minutes, do not.
  node.Append(1, Samples({{kDayStartMs + kDayMs, 1}, {kNowMs - 1, 1}}));
  node.Rows();
  CHECK(node.Computed() == 4);
  node.Delete({{model::MatchType::kEqual, "series", "1"}},
              {kDayStartMs, kDayStartMs});
  CHECK(node.Rows() == std::vector<DigestRow>{late[1]});
  CHECK(node.Computed() == 5);
}

TEST_CASE("the days asked for longest ago are forgotten first", "[repair]") {
  Node node;
  for (int32_t day = kDay - 3; day <= kDay; ++day) {
    node.Append(1, Samples({{day * kDayMs, 1}}));
  }
  // Room for two days of one row.
  node.digests = std::make_unique<DayDigests>(node.engine.get(), 600);
  node.Rows(kDay);
  node.Rows(kDay - 1);
  node.Rows(kDay);
  node.Rows(kDay - 2);  // in the place of the one before
  CHECK(node.Computed() == 3);
  CHECK(node.digests->Stats().kept == 2);
  CHECK(node.digests->Stats().kept_bytes <= 600);
  node.Rows(kDay);
  CHECK(node.Computed() == 3);
  node.Rows(kDay - 1);
  CHECK(node.Computed() == 4);
}

TEST_CASE("the totals asked for longest ago are forgotten first", "[repair]") {
  Node node;
  for (int32_t day = kDay - 3; day <= kDay; ++day) {
    node.Append(1, Samples({{day * kDayMs, 1}}));
  }
  node.digests = std::make_unique<DayDigests>(node.engine.get(), 0, 2);
  const auto totals = [&node](int32_t day) {
    const auto got =
        node.digests->TotalsOf({.tenant = kTenant, .span = {day}});
    REQUIRE(got.ok());
    CHECK(got->kinds[0].count == 1);
  };
  totals(kDay);
  totals(kDay - 1);
  totals(kDay);
  totals(kDay - 2);  // in the place of the one before
  CHECK(node.Computed() == 3);
  CHECK(node.digests->Stats().kept_totals == 2);
  totals(kDay);
  totals(kDay - 2);
  CHECK(node.Computed() == 3);
  totals(kDay - 1);
  CHECK(node.Computed() == 4);
}

// One bit of the largest table.
void Damage(const std::string& directory) {
  std::filesystem::path largest;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.path().extension() != ".sst") continue;
    if (largest.empty() || entry.file_size() > file_size(largest)) {
      largest = entry.path();
    }
  }
  std::fstream file(largest, std::ios::in | std::ios::out | std::ios::binary);
  const auto at = static_cast<std::streamoff>(file_size(largest) / 3);
  file.seekg(at);
  const int byte = file.get();
  file.seekp(at);
  file.put(static_cast<char>(byte ^ 0x10));
  REQUIRE(file.good());
}

TEST_CASE("what damage has made holes into is computed once an hour",
          "[repair]") {
  Node node;
  std::mt19937 random(1);
  std::uniform_real_distribution<double> value;
  for (int i = 0; i < 40; ++i) {
    model::SampleColumns samples;
    for (int k = 0; k < 1000; ++k) {
      samples.push_back(kDayStartMs + k * 1000 + i, value(random));
    }
    node.Append(i, samples);
  }
  node.Flush();
  node.digests.reset();
  node.engine.reset();
  Damage(node.dir.path() + "/data");
  node.Open();
  base::ManualClock steady(0);
  node.digests = std::make_unique<DayDigests>(
      node.engine.get(), DayDigests::kKeptBytesMax,
      DayDigests::kKeptTotalsMax, &steady);
  const auto totals = [&node] {
    const auto got =
        node.digests->TotalsOf({.tenant = kTenant, .span = {kDay}});
    REQUIRE(got.ok());
    CHECK_FALSE(got->complete);
    CHECK(got->kinds[0].count > 0);
    CHECK(got->kinds[0].count < 40 * 1000);
    return node.Computed();
  };
  const int64_t found = totals();
  CHECK(totals() == found);
  steady.Advance(3'600'000);
  CHECK(totals() == found + 1);
  CHECK(totals() == found + 1);
  // What is pulled in its place counts at once.
  node.Append(1, Samples({{kDayStartMs + 1, 0.37}, {kDayStartMs, 1}}));
  CHECK(totals() == found + 2);
}

TEST_CASE("an hour that is over is kept alone, its day goes on", "[repair]") {
  Node node;
  const auto today = static_cast<int32_t>(kNowMs / kDayMs);
  const int64_t hour_ms = today * kDayMs + 3 * kHourMs;
  node.Append(1, Samples({{hour_ms - 1, 1}, {hour_ms, 2}, {kNowMs, 3}}));
  const DigestSubject subject = {.tenant = kTenant,
                                 .span = {.day = today, .hour = 3}};
  const auto hour = node.digests->Of(subject);
  REQUIRE(hour.ok());
  CHECK((*hour)->settled);
  REQUIRE((*hour)->rows.size() == 1);
  CHECK((*hour)->rows[0].hour == 3);
  CHECK((*hour)->rows[0].digest.count == 1);
  CHECK(node.digests->TotalsOf(subject)->kinds[0].count == 1);
  CHECK(node.Computed() == 1);
  node.Append(1, Samples({{kNowMs - 1, 3}}));
  CHECK(node.digests->TotalsOf(subject).ok());
  CHECK(node.Computed() == 1);
  node.Append(1, Samples({{hour_ms + 1, 3}}));
  CHECK(node.digests->TotalsOf(subject)->kinds[0].count == 2);
}

TEST_CASE("each set of slots has digests of its own series", "[repair]") {
  Node node;
  model::SlotSet one;
  model::SlotSet rest;
  for (size_t slot = 0; slot < model::SlotSet::kSlots; ++slot) {
    (slot % 2 == 0 ? one : rest).Add(static_cast<uint16_t>(slot));
  }
  for (int i = 0; i < 20; ++i) node.Append(i, Samples({{kDayStartMs, 1}}));
  const auto of = [&](const model::SlotSet* slots) {
    return node.digests
        ->TotalsOf({.tenant = kTenant, .span = {kDay}, .slots = slots})
        ->kinds[0];
  };
  SampleDigest both = of(&one);
  CHECK(both.count > 0);
  CHECK(of(&rest).count > 0);
  both.Add(of(&rest));
  CHECK(both == of(nullptr));
  CHECK(node.Computed() == 3);
  of(&one);
  CHECK(node.Computed() == 3);
}

TEST_CASE("totals outlast the rows, and rules are looked at once a day",
          "[repair]") {
  Node node;
  node.options.downsampling = {
      {.filter = {}, .steps = {{.offset_ms = kDayMs, .interval_ms = 60'000}}}};
  node.Reopen();
  node.digests = std::make_unique<DayDigests>(node.engine.get(), 0);
  node.Append(1, Samples({{kDayStartMs, 1}, {kDayStartMs + 1, 1}}));
  const auto totals = [&node] {
    const auto got =
        node.digests->TotalsOf({.tenant = kTenant, .span = {kDay}});
    REQUIRE(got.ok());
    CHECK_FALSE(got->settled);
    return got->kinds[0];
  };
  CHECK(totals().count == 2);
  totals();
  CHECK(node.Computed() == 1);
  node.clock.Advance(kDayMs);
  totals();
  totals();
  CHECK(node.Computed() == 2);
}

TEST_CASE("a caller that gives up ends the scan", "[repair]") {
  Node node;
  node.Append(1, Samples({{kDayStartMs, 1}}));
  const base::Alive gone{.cancelled = [] { return true; }};
  CHECK(absl::IsCancelled(
      node.digests->Of({.tenant = kTenant, .span = {kDay}}, &gone).status()));
  CHECK(node.Computed() == 0);
}

}  // namespace
}  // namespace varve::repair
