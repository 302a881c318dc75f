// What a digest is made of.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "lib/repair/day_digests.h"
#include "lib/repair/digest_node.h"

namespace varve::repair {
namespace {

using model::kDayMs;
using storage::kTenant;
using storage::Samples;
using Node = DigestNode;

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

}  // namespace
}  // namespace varve::repair
