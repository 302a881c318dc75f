#include "storage/index/label_page.h"

#include <algorithm>
#include <bit>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"

namespace varve::storage {
namespace {

constexpr uint8_t kPageVersion = 1;
// Labels of one series in a page; ingestion allows far fewer.
constexpr uint64_t kLabelsMax = 4096;
// Canonical bytes of one series: 40 labels of 4 KiB, the largest the default
// limits of ingestion let in, fit.
constexpr size_t kSeriesBytesMax = 256 << 10;
constexpr size_t kPageBytesMax = kPageSeries * kSeriesBytesMax;

size_t SharedPrefix(std::string_view a, std::string_view b) {
  const size_t n = std::min(a.size(), b.size());
  size_t i = 0;
  while (i < n && a[i] == b[i]) ++i;
  return i;
}

// Where a label of the decoded page lies; the strings move while they grow.
struct LabelPlace {
  uint32_t name = 0;
  uint32_t name_size = 0;
  uint32_t value = 0;
  uint32_t value_size = 0;
};

// Appends one label as canonical bytes to `out` and says where it is.
bool DecodeLabel(base::ByteReader& reader, const LabelPlace& old,
                 std::string& out, LabelPlace& place) {
  const uint64_t tag = reader.Varint();
  const bool same = tag == 0;
  const bool new_name = !same && ((tag - 1) & 1);
  const uint64_t shared = same ? old.value_size : (tag - 1) >> 1;
  if (!reader.ok() || shared > old.value_size) return false;
  std::string_view name;
  std::string_view suffix;
  if (new_name) name = reader.LengthPrefixed();
  if (!same) suffix = reader.LengthPrefixed();
  if (!reader.ok()) return false;
  place.name_size =
      static_cast<uint32_t>(new_name ? name.size() : old.name_size);
  place.value_size = static_cast<uint32_t>(shared + suffix.size());
  if (place.name_size == 0 || place.value_size == 0) return false;
  if (out.size() + place.name_size + place.value_size > kPageBytesMax) {
    return false;
  }
  base::PutVarint(out, place.name_size);
  place.name = static_cast<uint32_t>(out.size());
  // By index: the source may be `out` itself.
  new_name ? out.append(name) : out.append(out, old.name, old.name_size);
  base::PutVarint(out, place.value_size);
  place.value = static_cast<uint32_t>(out.size());
  out.append(out, old.value, shared);
  out.append(suffix);
  return true;
}

}  // namespace

absl::Status SplitLabels(std::string_view canonical,
                         std::vector<LabelView>& out) {
  out.clear();
  base::ByteReader reader(canonical);
  while (reader.ok() && !reader.empty()) {
    LabelView label;
    label.name = reader.LengthPrefixed();
    label.value = reader.LengthPrefixed();
    if (!reader.ok()) break;
    if (label.name.empty() || label.value.empty()) {
      return base::InvalidArgument("label with an empty name or value");
    }
    if (!out.empty() && out.back().name >= label.name) {
      return base::InvalidArgument("label names repeat or are not sorted");
    }
    out.push_back(label);
  }
  if (!reader.ok()) return base::InvalidArgument("labels are cut");
  if (out.empty()) return base::InvalidArgument("series without labels");
  if (out.size() > kLabelsMax || canonical.size() > kSeriesBytesMax) {
    return base::InvalidArgument("series of ", out.size(), " labels and ",
                                 canonical.size(), " bytes; at most ",
                                 kLabelsMax, " and ", kSeriesBytesMax);
  }
  return absl::OkStatus();
}

void LabelPageBuilder::Add(uint32_t slot, uint32_t metric_id,
                           std::span<const LabelView> labels) {
  present_ |= uint64_t{1} << slot;
  base::PutVarint(body_, base::ZigzagEncode(int64_t{metric_id} -
                                            int64_t{metric_id_}));
  metric_id_ = metric_id;
  base::PutVarint(body_, labels.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    const LabelView old =
        i < previous_.size() ? previous_[i] : LabelView{};
    const bool new_name = old.name != labels[i].name;
    if (!new_name && old.value == labels[i].value) {
      base::PutVarint(body_, 0);
      continue;
    }
    const size_t shared = SharedPrefix(old.value, labels[i].value);
    base::PutVarint(body_, 1 + (shared << 1 | (new_name ? 1 : 0)));
    if (new_name) base::PutLengthPrefixed(body_, labels[i].name);
    base::PutLengthPrefixed(body_, labels[i].value.substr(shared));
  }
  previous_.assign(labels.begin(), labels.end());
}

std::string LabelPageBuilder::Finish() {
  std::string page;
  page.push_back(kPageVersion);
  base::PutFixedLe<uint64_t>(page, present_);
  page.append(body_);
  body_.clear();
  previous_.clear();
  present_ = 0;
  metric_id_ = 0;
  return page;
}

absl::StatusOr<std::shared_ptr<const LabelPage>> LabelPage::Decode(
    std::string_view bytes) {
  base::ByteReader reader(bytes);
  const auto version = reader.FixedLe<uint8_t>();
  auto page = std::make_shared<LabelPage>();
  page->present_ = reader.FixedLe<uint64_t>();
  if (!reader.ok() || version != kPageVersion) {
    return base::DataLoss("label page of version ", int{version});
  }
  std::vector<LabelPlace> previous;
  std::vector<LabelPlace> current;
  int64_t metric_id = 0;
  for (uint64_t left = page->present_; left != 0; left &= left - 1) {
    const int slot = std::countr_zero(left);
    // Modulo 2^64, as damaged bytes may make it overflow.
    metric_id = static_cast<int64_t>(static_cast<uint64_t>(metric_id) +
                                     static_cast<uint64_t>(reader.Zigzag()));
    const uint64_t labels = reader.Varint();
    if (!reader.ok() || metric_id < 0 || metric_id > UINT32_MAX ||
        labels == 0 || labels > kLabelsMax) {
      return base::DataLoss("label page: damaged series");
    }
    page->metric_ids_[slot] = static_cast<uint32_t>(metric_id);
    page->begins_[slot] = static_cast<uint32_t>(page->bytes_.size());
    current.clear();
    for (uint64_t i = 0; i < labels; ++i) {
      LabelPlace place;
      const LabelPlace old = i < previous.size() ? previous[i] : LabelPlace{};
      if (!DecodeLabel(reader, old, page->bytes_, place)) {
        return base::DataLoss("label page: damaged label");
      }
      current.push_back(place);
    }
    page->ends_[slot] = static_cast<uint32_t>(page->bytes_.size());
    previous.swap(current);
  }
  if (!reader.AtEnd()) return base::DataLoss("label page: surplus bytes");
  page->bytes_.shrink_to_fit();
  return std::shared_ptr<const LabelPage>(std::move(page));
}

}  // namespace varve::storage
