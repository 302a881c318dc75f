#include "storage/index/label_page.h"

#include <catch2/catch.hpp>
#include <random>

#include "lib/model/label.h"

namespace varve::storage {
namespace {

struct Row {
  uint32_t slot;
  uint32_t metric_id;
  std::string labels;
};

std::string Canonical(const model::LabelSet& labels) {
  std::string out;
  model::AppendCanonicalBytes(out, labels);
  return out;
}

std::string Encode(const std::vector<Row>& rows) {
  LabelPageBuilder builder;
  std::vector<std::vector<LabelView>> views(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    REQUIRE(SplitLabels(rows[i].labels, views[i]).ok());
    builder.Add(rows[i].slot, rows[i].metric_id, views[i]);
  }
  return builder.Finish();
}

std::vector<Row> SomeRows() {
  return {
      {0, 7, Canonical({{"__name__", "up"}, {"job", "a"}})},
      {1, 7, Canonical({{"__name__", "up"}, {"job", "ab"}})},
      {2, 7, Canonical({{"__name__", "up"}, {"job", "ab"}})},
      {40, 1, Canonical({{"a", std::string(300, 'x')}, {"b", "\xff\0z"}})},
      {63, UINT32_MAX,
       Canonical({{"__name__", "down"}, {"a", "1"}, {"job", "ab"}})},
  };
}

TEST_CASE("a label page gives back its series", "[index]") {
  const std::vector<Row> rows = SomeRows();
  const auto page = LabelPage::Decode(Encode(rows));
  REQUIRE(page.ok());
  uint64_t present = 0;
  for (const Row& row : rows) {
    REQUIRE((*page)->Has(row.slot));
    present |= uint64_t{1} << row.slot;
    CHECK((*page)->labels(row.slot) == row.labels);
    CHECK((*page)->metric_id(row.slot) == row.metric_id);
  }
  CHECK((*page)->present() == present);
}

TEST_CASE("random label pages come back", "[index]") {
  std::mt19937 random(20240611);
  for (int round = 0; round < 200; ++round) {
    std::vector<Row> rows;
    for (uint32_t slot = 0; slot < 64; ++slot) {
      if (random() % 3 == 0) continue;
      model::LabelSet labels{{"n", std::to_string(random() % 5)}};
      for (int i = 0; i < 4; ++i) {
        if (random() % 2) {
          labels.Set("l" + std::to_string(i),
                     std::string(random() % 4, 'p') +
                         std::to_string(random() % 50));
        }
      }
      rows.push_back({slot, static_cast<uint32_t>(random()),
                      Canonical(labels)});
    }
    const auto page = LabelPage::Decode(Encode(rows));
    REQUIRE(page.ok());
    for (const Row& row : rows) {
      CHECK((*page)->labels(row.slot) == row.labels);
      CHECK((*page)->metric_id(row.slot) == row.metric_id);
    }
  }
}

TEST_CASE("a label page cut at any byte is data loss", "[index]") {
  const std::string bytes = Encode(SomeRows());
  for (size_t keep = 0; keep < bytes.size(); ++keep) {
    CAPTURE(keep);
    CHECK(absl::IsDataLoss(
        LabelPage::Decode(std::string_view(bytes).substr(0, keep)).status()));
  }
  CHECK(absl::IsDataLoss(LabelPage::Decode(bytes + "x").status()));
}

TEST_CASE("flipped bits in a label page are survived", "[index]") {
  const std::string good = Encode(SomeRows());
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    const auto page = LabelPage::Decode(bad);
    if (!page.ok()) CHECK(absl::IsDataLoss(page.status()));
  }
}

TEST_CASE("labels that are not canonical are refused", "[index]") {
  std::vector<LabelView> views;
  using namespace std::string_literals;
  for (const std::string& bytes :
       {""s, "\x01"s, "\x01" "a"s, "\x01" "a\x00"s, "\x00\x01" "a"s,
        "\x01" "b\x01" "1\x01" "a\x01" "1"s, "\x01" "a\x01" "1\x01" "a\x01" "2"s,
        "\x01" "a\x05" "1"s}) {
    CHECK(absl::IsInvalidArgument(SplitLabels(bytes, views)));
  }
}

// The worked example of docs/formats/index.md.
TEST_CASE("the documented page has the documented bytes", "[index]") {
  const std::string bytes =
      Encode({{1, 5, Canonical({{"__name__", "up"}, {"job", "ab"}})},
              {2, 5, Canonical({{"__name__", "up"}, {"job", "ac"}})}});
  using namespace std::string_literals;
  CHECK(bytes == "\x01\x06\0\0\0\0\0\0\0"
                 "\x0a\x02\x02\x08__name__\x02up\x02\x03job\x02" "ab"
                 "\0\x02\0\x03\x01" "c"s);
}

}  // namespace
}  // namespace varve::storage
