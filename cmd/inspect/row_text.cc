#include "cmd/inspect/row_text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/model/label.h"
#include "lib/model/tenant.h"
#include "storage/block/block_key.h"
#include "storage/block/segment.h"
#include "storage/block/timestamp_column.h"
#include "storage/index/index_key.h"
#include "storage/index/label_page.h"
#include "storage/index/posting.h"

namespace varve::inspect {
namespace {

// Longer values are cut; their size is told.
constexpr size_t kShownBytes = 40;
// storage/engine/data_families.h, whose other names are index_key.h's too.
constexpr std::string_view kClosedFamily = "closed";

std::string Shown(std::string_view bytes) {
  const std::string text = absl::CHexEscape(
      absl::string_view(bytes.data(), std::min(bytes.size(), kShownBytes)));
  return bytes.size() > kShownBytes
             ? base::StrCat(text, "… (", bytes.size(), " bytes)")
             : text;
}

void Line(std::string* text, const std::string& line) {
  if (text != nullptr) base::StrAppend(text, line, "\n");
}

void Damaged(RowCount& count, std::string* text, std::string_view what,
             const absl::Status& status) {
  ++count.damaged;
  Line(text, base::StrCat("    DAMAGED ", what, ": ", base::Message(status)));
}

void DescribeSegments(std::string_view value, RowCount& count,
                      std::string* text) {
  while (!value.empty()) {
    storage::SegmentHeader header;
    const size_t before = value.size();
    // Its checksum; timestamps may be those of a shared column.
    const absl::Status status = storage::NextSegment(value, header);
    ++count.segments;
    if (status.ok()) count.samples += header.samples;
    if (!status.ok()) {
      Damaged(count, text, "segment", status);
      if (value.size() == before) return;
      continue;
    }
    Line(text, base::StrCat("    kind=", static_cast<int>(header.kind),
                            " generation=", header.generation,
                            " samples=", header.samples,
                            " column=", header.ts_ref,
                            " bytes=", before - value.size()));
  }
}

void DescribeColumn(std::string_view value, RowCount& count,
                    std::string* text) {
  std::vector<int64_t> times_ms;
  const absl::Status status = storage::ParseColumnValue(value, times_ms);
  if (!status.ok()) return Damaged(count, text, "column", status);
  if (times_ms.empty()) return;
  Line(text, base::StrCat("    column of ", times_ms.size(),
                          " timestamps from=", times_ms.front(),
                          " to=", times_ms.back(), " bytes=", value.size()));
}

void DescribeBlock(std::string_view family, std::string_view key,
                   std::string_view value, RowCount& count,
                   std::string* text) {
  const bool closed = family == kClosedFamily;
  storage::ClosedKey parsed;
  absl::Status status;
  if (closed) {
    const auto read = storage::ParseClosedKey(key);
    status = read.status();
    if (read.ok()) parsed = *read;
  } else {
    const auto read = storage::ParseSeriesKey(key);
    status = read.status();
    if (read.ok()) parsed.series = *read;
  }
  if (!status.ok()) {
    Damaged(count, text, "key", status);
  } else {
    Line(text, base::StrCat(
                   "  ", closed ? base::StrCat("day ", parsed.day, " ") : "",
                   "tenant=", model::TenantText(parsed.series.tenant),
                   " metric=", parsed.series.metric_id,
                   " series=", parsed.series.series_id));
  }
  if (parsed.series.metric_id == storage::kColumnsMetricId) {
    return DescribeColumn(value, count, text);
  }
  DescribeSegments(value, count, text);
}

void DescribePage(std::string_view key, std::string_view value,
                  RowCount& count, std::string* text) {
  const auto page = storage::LabelPage::Decode(value);
  if (!page.ok()) return Damaged(count, text, "label page", page.status());
  uint64_t number = 0;
  if (key.size() >= sizeof(number)) {
    base::ByteReader reader(key.substr(key.size() - sizeof(number)));
    number = reader.FixedBe<uint64_t>();
  }
  Line(text, base::StrCat("  page ", number));
  for (uint32_t slot = 0; slot < storage::kPageSeries; ++slot) {
    if (!(*page)->Has(slot)) continue;
    const auto labels = model::ParseCanonicalBytes((*page)->labels(slot));
    if (!labels.ok()) {
      Damaged(count, text, "labels", labels.status());
      continue;
    }
    Line(text, base::StrCat(
                   "    id=", (number << storage::kPageShift) + slot,
                   " metric=", (*page)->metric_id(slot), " ",
                   labels->Text()));
  }
}

void DescribePosting(std::string_view key, std::string_view value,
                     RowCount& count, std::string* text) {
  storage::PostKey parsed;
  if (!storage::ParsePostKey(key, parsed)) {
    return Damaged(count, text, "posting key", base::DataLoss(Shown(key)));
  }
  storage::IdSet ids;
  const absl::Status status = storage::AddIdSet(value, ids);
  if (!status.ok()) return Damaged(count, text, "posting", status);
  Line(text, base::StrCat("  ", parsed.name, "=", Shown(parsed.value),
                          " shard=", parsed.shard,
                          " ids=", ids.cardinality()));
}

void DescribeActive(std::string_view key, std::string_view value,
                    RowCount& count, std::string* text) {
  const auto parsed = storage::ParseActiveKey(key);
  storage::IdSet ids;
  const absl::Status status = storage::AddIdSet(value, ids);
  if (!parsed || !status.ok()) {
    return Damaged(count, text, "active day", status);
  }
  Line(text, base::StrCat("  tenant=", model::TenantText(parsed->tenant),
                          " day=", parsed->day, " ids=", ids.cardinality()));
}

}  // namespace

void DescribeRow(std::string_view family, std::string_view key,
                 std::string_view value, RowCount& count, std::string* text) {
  ++count.rows;
  if (family == kClosedFamily ||
      storage::ParseDayFamilyName(family).ok()) {
    return DescribeBlock(family, key, value, count, text);
  }
  if (family == storage::kSeriesFamily) {
    return DescribePage(key, value, count, text);
  }
  if (family == storage::kPostFamily) {
    return DescribePosting(key, value, count, text);
  }
  if (family == storage::kActiveFamily) {
    return DescribeActive(key, value, count, text);
  }
  Line(text, base::StrCat("  ", Shown(key), " = ", Shown(value)));
}

}  // namespace varve::inspect
