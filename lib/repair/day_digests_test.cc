#include "lib/repair/day_digests.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "absl/strings/str_format.h"
#include "lib/encoding/data_record.h"
#include "lib/model/histogram.h"
#include "storage/engine/test_node.h"

namespace varve::repair {
namespace {

using model::kDayMs;
using storage::kNowMs;
using storage::kTenant;
using storage::Samples;

// Two days before "now": settled, and in a family of its own.
constexpr int32_t kDay = static_cast<int32_t>(kNowMs / kDayMs) - 2;
constexpr int64_t kDayStartMs = kDay * kDayMs;

model::Histogram Make(uint64_t count) {
  model::Histogram histogram;
  histogram.layout.schema = 2;
  histogram.layout.positive = {{0, 1}, {3, 1}};
  histogram.count = count + 1;
  histogram.sum = static_cast<double>(count) * 0.5;
  histogram.buckets = {count, 1};
  return histogram;
}

struct Node : storage::TestNode {
  std::unique_ptr<DayDigests> digests;

  explicit Node(int64_t dedup_interval_ms = 0) {
    options.dedup.interval_ms = dedup_interval_ms;
    options.retention_ms = 100 * kDayMs;
    Reopen();
  }
  void Reopen() {
    digests.reset();
    Open();
    digests = std::make_unique<DayDigests>(engine.get());
  }
  SpanDigest Digest(int32_t day = kDay) {
    const auto digest = digests->Of({.tenant = kTenant, .span = {day}});
    INFO(digest.status());
    REQUIRE(digest.ok());
    CHECK((*digest)->complete);
    return **digest;
  }
  std::vector<DigestRow> Rows(int32_t day = kDay) { return Digest(day).rows; }
  int64_t Computed() { return digests->Stats().computed; }

  uint64_t Series(int i) {
    return Define({{"__name__", "m"}, {"series", std::to_string(i)}});
  }
  void Append(int i, const model::SampleColumns& samples) {
    AppendRecord(Record(Series(i), samples), storage::AckLevel::kWritten);
  }
  // A histogram with a start timestamp.
  void AppendKinds(int i, int64_t at_ms, uint64_t count,
                   int64_t start_ms) {
    encoding::DataRecordBuilder builder;
    builder.Start(1, clock.NowMs());
    std::string bytes;
    AppendHistogramBytes(bytes, Make(count));
    const uint64_t id = Series(i);
    builder.kinds().AddHistogram(kTenant, id, at_ms, bytes);
    builder.kinds().AddStart(kTenant, id, {at_ms, at_ms, start_ms});
    AppendRecord(builder.Finish(), storage::AckLevel::kWritten);
  }
  void Flush() { REQUIRE(engine->Flush().ok()); }
  void Compact() {
    clock.Advance(4 * kDayMs);
    Flush();
    REQUIRE(engine->CompactDays().ok());
  }
};

uint64_t CountOf(const std::vector<DigestRow>& rows, DigestKind kind) {
  uint64_t count = 0;
  for (const DigestRow& row : rows) {
    if (row.kind == kind) count += row.digest.count;
  }
  return count;
}

TEST_CASE("a digest has a row for each kind, hour and part with samples",
          "[repair]") {
  Node node;
  CHECK(node.Rows().empty());
  node.Append(1, Samples({{kDayStartMs, 1},
                          {kDayStartMs + kHourMs - 1, -0.0},
                          {kDayStartMs + kHourMs, model::StaleNan()},
                          {kDayStartMs + kDayMs - 1, 4},
                          {kDayStartMs + kDayMs, 5}}));
  node.Append(1, Samples({{kDayStartMs - 1, 5}}));
  node.AppendKinds(1, kDayStartMs + 2 * kHourMs, 7, kDayStartMs - 5);
  const auto rows = node.Rows();
  REQUIRE(rows.size() == 5);
  const std::vector<std::pair<int, uint64_t>> want = {
      {0, 2}, {1, 1}, {23, 1}, {2, 1}, {2, 1}};
  for (size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(i);
    CHECK(rows[i].hour == want[i].first);
    CHECK(rows[i].digest.count == want[i].second);
    CHECK(rows[i].part == rows[0].part);
    CHECK(rows[i].part < kDigestParts);
  }
  CHECK(rows[3].kind == DigestKind::kHistograms);
  CHECK(rows[4].kind == DigestKind::kStarts);
  const DigestTotals totals = TotalsOf(rows);
  SampleDigest floats = rows[0].digest;
  floats.Add(rows[1].digest);
  floats.Add(rows[2].digest);
  CHECK(totals[0] == floats);
  CHECK(totals[0].count == 4);
  CHECK(totals[1].count == 1);
  CHECK(totals[2].count == 1);
  CHECK(node.Rows(kDay + 1).size() == 1);
  // Nobody's query.
  const auto usage = node.engine->NameUsageOf(kTenant);
  REQUIRE(usage.ok());
  for (const auto& name : usage->names) {
    CHECK(name.queries == 0);
  }
}

TEST_CASE("the hash of a sample is what is written of it", "[repair]") {
  Node node;
  node.Append(1, Samples({{kDayStartMs + 1, 1.5}}));
  std::string labels;
  model::AppendCanonicalBytes(labels,
                              {{"__name__", "m"}, {"series", "1"}});
  const model::SeriesHash hash = model::HashSeries(kTenant, labels);
  std::string bytes;
  base::PutFixedLe<uint64_t>(bytes, hash.high);
  base::PutFixedLe<uint64_t>(bytes, hash.low);
  base::PutFixedLe<int64_t>(bytes, kDayStartMs + 1);
  base::PutFixedLe<double>(bytes, 1.5);
  const auto rows = node.Rows();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].digest.sum == base::Hash128Of(bytes));
  CHECK(rows[0].part == model::SlotOf(hash) / 64);
}

std::string Hex(const base::Hash128& hash) {
  return absl::StrFormat("%016x%016x", hash.high, hash.low);
}

// The example of docs/formats/wire.md.
TEST_CASE("hashes stay what they are", "[repair]") {
  std::string labels;
  model::AppendCanonicalBytes(labels, {{"__name__", "up"}});
  storage::SearchSeries series;
  series.hash = model::HashSeries({}, labels);
  series.samples.push_back(1000, 1.5);
  DigestBuilder builder(0);
  builder.Add(series);
  const auto rows = builder.Finish();
  REQUIRE(rows.size() == 1);
  CHECK(Hex(series.hash) == "c2dddb58f1359349e2ef065308665b30");
  CHECK(Hex(rows[0].digest.sum) ==
        "a38d04e62e00da4dd5d78269e5113c0d");
  CHECK(rows[0].part == 779);
}

TEST_CASE("sums of hashes carry, and wrap at 2^128", "[repair]") {
  SampleDigest digest;
  digest.Add(base::Hash128{1, ~uint64_t{0}});
  digest.Add(base::Hash128{2, 2});
  CHECK(digest.sum == base::Hash128{4, 1});
  SampleDigest other;
  other.Add(base::Hash128{~uint64_t{0} - 3, ~uint64_t{0}});
  digest.Add(other);
  CHECK(digest.sum == base::Hash128{1, 0});
  CHECK(digest.count == 3);
}

// What both nodes of a test get, in pieces.
struct Piece {
  int series;
  int64_t at_ms;
  double value;
  bool histogram;
};

std::vector<Piece> Pieces() {
  std::vector<Piece> pieces;
  for (int i = 0; i < 400; ++i) {
    pieces.push_back({i % 20, kDayStartMs + i * 137'000, i / 3.0,
                      i % 5 == 4});
  }
  return pieces;
}

void Write(Node& node, const Piece& piece) {
  if (piece.histogram) {
    node.AppendKinds(piece.series, piece.at_ms,
                     static_cast<uint64_t>(piece.value), kDayStartMs);
  } else {
    node.Append(piece.series, Samples({{piece.at_ms, piece.value}}));
  }
}

TEST_CASE("digests are those of the samples, whatever became of them",
          "[repair]") {
  Node a, b;
  std::vector<Piece> pieces = Pieces();
  for (const Piece& piece : pieces) Write(a, piece);
  std::mt19937 random(7);
  std::ranges::shuffle(pieces, random);
  const auto half = pieces.begin() + 200;
  for (auto one = pieces.begin(); one != half; ++one) Write(b, *one);
  CHECK(a.Rows() != b.Rows());
  b.Flush();
  // Again, and the rest.
  for (auto one = half - 50; one != pieces.end(); ++one) Write(b, *one);

  const auto rows = a.Rows();
  CHECK(CountOf(rows, DigestKind::kFloats) == 320);
  CHECK(CountOf(rows, DigestKind::kHistograms) == 80);
  CHECK(CountOf(rows, DigestKind::kStarts) == 80);
  CHECK(b.Rows() == rows);
  b.Flush();
  CHECK(b.Rows() == rows);
  b.Reopen();  // nothing is kept over that
  CHECK(b.Rows() == rows);
  b.Compact();
  b.Reopen();
  CHECK(b.Rows() == rows);
  a.Reopen();
  CHECK(a.Rows() == rows);

  // One sample more in one of them.
  Write(b, {3, kDayStartMs + 1, 1, false});
  CHECK(a.Rows() != b.Rows());
  Write(a, {3, kDayStartMs + 1, 1, false});
  CHECK(a.Rows() == b.Rows());
  // One of another value: each node has one of the two, then both have both.
  Write(a, {3, kDayStartMs + 2, 0.0, false});
  Write(b, {3, kDayStartMs + 2, -0.0, false});
  CHECK(a.Rows() != b.Rows());
  Write(a, {3, kDayStartMs + 2, -0.0, false});
  Write(b, {3, kDayStartMs + 2, 0.0, false});
  CHECK(a.Rows() == b.Rows());
  // A start of another time.
  a.AppendKinds(4, kDayStartMs + 9, 5, kDayStartMs - 1);
  b.AppendKinds(4, kDayStartMs + 9, 5, kDayStartMs - 2);
  CHECK(CountOf(a.Rows(), DigestKind::kStarts) == 81);
  CHECK(a.Rows() != b.Rows());
}

TEST_CASE("deleted samples do not count, in blocks or not", "[repair]") {
  Node a, b;
  const std::vector<Piece> pieces = Pieces();
  for (const Piece& piece : pieces) {
    Write(b, piece);
    if (piece.series != 6) Write(a, piece);
  }
  b.Rows();
  b.Flush();
  Write(b, {6, kDayStartMs + 5, 5, false});
  b.Delete({{model::MatchType::kEqual, "series", "6"}});
  CHECK(a.Rows() == b.Rows());
  b.Compact();
  b.Reopen();
  CHECK(a.Rows() == b.Rows());
}

TEST_CASE("with a dedup interval a digest is of what the interval leaves",
          "[repair]") {
  Node a(10'000), b(10'000), alone;
  for (int i = 0; i < 300; ++i) {
    const auto samples = Samples({{kDayStartMs + i * 1'000, i / 7.0}});
    a.Append(1, samples);
    b.Append(1, samples);
    // The first of intervals: such are only in b's log and head.
    if (i % 10 == 9) b.Append(1, Samples({{kDayStartMs + i * 1'000 - 5, 1}}));
    alone.Append(1, samples);
  }
  b.Compact();
  CHECK(a.Rows() == b.Rows());
  CHECK(CountOf(a.Rows(), DigestKind::kFloats) == 31);
  CHECK(CountOf(alone.Rows(), DigestKind::kFloats) == 300);
}

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
