#include "lib/rollup/best_series.h"

#include <algorithm>
#include <cstring>

#include "lib/model/sample.h"

namespace varve::rollup {
namespace {

bool IsAbsent(double value) { return model::IsStaleNan(value); }

// Which label set is the first as model::LabelSet orders them; the bytes
// themselves begin with sizes.
bool GoesBefore(std::string_view a, std::string_view b) {
  base::ByteReader left(a);
  base::ByteReader right(b);
  while (!left.empty() && !right.empty()) {
    const auto order = left.LengthPrefixed() <=> right.LengthPrefixed();
    if (order != 0) return order < 0;
    if (!left.ok() || !right.ok()) return false;
  }
  return left.empty() && !right.empty();
}

}  // namespace

void AppendStepValues(std::span<const StepValue> values, std::string& out) {
  size_t next_step = 0;
  for (size_t begin = 0; begin < values.size();) {
    size_t end = begin + 1;
    while (end < values.size() &&
           values[end].step == values[end - 1].step + 1) {
      ++end;
    }
    base::PutVarint(out, values[begin].step - next_step);
    base::PutVarint(out, end - begin);
    next_step = values[end - 1].step + 1;
    for (; begin < end; ++begin) base::PutFixedLe(out, values[begin].value);
  }
}

bool ReadStepValues(base::ByteReader& reader, std::span<double> column) {
  std::fill(column.begin(), column.end(), model::StaleNan());
  size_t step = 0;
  while (!reader.empty()) {
    const uint64_t skipped = reader.Varint();
    if (!reader.ok() || skipped > column.size() - step) return false;
    step += skipped;
    const uint64_t count = reader.Varint();
    if (!reader.ok() || count == 0 || count > column.size() - step) {
      return false;
    }
    const std::string_view bytes = reader.Bytes(count * sizeof(double));
    if (!reader.ok()) return false;
    std::memcpy(column.data() + step, bytes.data(), bytes.size());
    step += count;
  }
  return reader.ok();
}

BestSeries::BestSeries(bool top, uint32_t k, size_t steps)
    : top_(top), k_(k), steps_(steps), taken_(steps) {}

void BestSeries::Add(std::string_view labels, std::span<const double> column) {
  Begin(labels);
  std::optional<uint32_t> series;
  for (size_t step = 0; step < steps_; ++step) {
    if (IsAbsent(column[step])) continue;
    Offer(step, column[step], labels, series);
  }
}

void BestSeries::Merge(const BestSeries& other) {
  for (const Kept& kept : other.All()) {
    Begin(kept.labels);
    std::optional<uint32_t> series;
    for (const StepValue& one : kept.values) {
      Offer(one.step, one.value, kept.labels, series);
    }
  }
}

void BestSeries::Begin(std::string_view labels) {
  tied_.reset();
  if (!first_ || GoesBefore(labels, *first_)) first_ = labels;
}

bool BestSeries::IsBetter(const Place& a, const Place& b) const {
  const std::weak_ordering rank = Rank(top_, a.value, b.value);
  if (rank != 0) return rank < 0;
  return GoesBefore(series_[a.series].labels, series_[b.series].labels);
}

bool BestSeries::BeatsWorst(size_t step, double value,
                            std::string_view labels) {
  const Place& worst = *PlacesAt(step);
  const std::weak_ordering rank = Rank(top_, value, worst.value);
  if (rank != 0) return rank < 0;
  if (tied_ != worst.series) {
    tied_ = worst.series;
    before_tied_ = GoesBefore(labels, series_[worst.series].labels);
  }
  return before_tied_;
}

void BestSeries::Offer(size_t step, double value, std::string_view labels,
                       std::optional<uint32_t>& series) {
  const auto better = [this](const Place& a, const Place& b) {
    return IsBetter(a, b);
  };
  uint32_t& taken = taken_[step];
  const bool full = taken == k_;
  if (full && !BeatsWorst(step, value, labels)) return;
  if (!series) series = Take(labels);
  if (full) {
    Place* const begin = PlacesAt(step);
    Place* const end = begin + k_;
    std::pop_heap(begin, end, better);
    Leave(end[-1].series);
    end[-1] = {value, *series};
    std::push_heap(begin, end, better);
  } else {
    if (taken == room_) Grow();
    Place* const begin = PlacesAt(step);
    begin[taken++] = {value, *series};
    if (taken == k_) std::make_heap(begin, begin + k_, better);
  }
  ++series_[*series].places;
}

uint32_t BestSeries::Take(std::string_view labels) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(series_.size()));
    series_.emplace_back();
  }
  const uint32_t series = free_.back();
  free_.pop_back();
  series_[series].labels = labels;
  label_bytes_ += labels.size();
  return series;
}

void BestSeries::Leave(uint32_t series) {
  Series& left = series_[series];
  if (--left.places > 0) return;
  label_bytes_ -= left.labels.size();
  left.labels.clear();
  free_.push_back(series);
}

void BestSeries::Grow() {
  const uint32_t room = std::min(k_, std::max<uint32_t>(1, 2 * room_));
  std::vector<Place> places(steps_ * room);
  for (size_t step = 0; step < steps_; ++step) {
    std::copy_n(PlacesAt(step), taken_[step], places.data() + step * room);
  }
  places_ = std::move(places);
  room_ = room;
}

std::vector<BestSeries::Kept> BestSeries::All() const {
  std::vector<Kept> all(series_.size());
  bool has_first = false;
  for (size_t i = 0; i < series_.size(); ++i) {
    if (series_[i].places == 0) continue;
    all[i].labels = series_[i].labels;
    all[i].values.reserve(series_[i].places);
    has_first = has_first || all[i].labels == *first_;
  }
  for (size_t step = 0; step < steps_; ++step) {
    for (uint32_t i = 0; i < taken_[step]; ++i) {
      const Place& place = places_[step * room_ + i];
      all[place.series].values.push_back(
          {static_cast<uint32_t>(step), place.value});
    }
  }
  std::erase_if(all, [](const Kept& kept) { return kept.values.empty(); });
  if (first_ && !has_first) all.push_back({*first_, {}});
  return all;
}

size_t BestSeries::bytes() const {
  return sizeof(*this) + places_.size() * sizeof(Place) +
         (taken_.size() + free_.size()) * sizeof(uint32_t) +
         series_.size() * sizeof(Series) + label_bytes_ +
         (first_ ? first_->size() : 0);
}

}  // namespace varve::rollup
