#include "storage/head/time_columns.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace varve::storage {
namespace {

constexpr uint8_t kNarrowBytes = 2;  // half a minute both ways

// From here on a column is regular enough to be worth its narrow residuals.
constexpr uint32_t kRegularEntries = 32;

constexpr uint32_t kFirstCapacity = 32;

template <typename T>
bool FitsIn(int64_t residual) {
  return residual >= std::numeric_limits<T>::min() &&
         residual <= std::numeric_limits<T>::max();
}

uint8_t WidthOf(int64_t residual) {
  if (residual == 0) return 0;
  if (FitsIn<int16_t>(residual)) return kNarrowBytes;
  return FitsIn<int32_t>(residual) ? 4 : 8;
}

template <typename T>
T Load(const char* from, uint32_t i) {
  T value;
  std::memcpy(&value, from + i * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
void Store(char* to, uint32_t i, int64_t residual) {
  const auto value = static_cast<T>(residual);
  std::memcpy(to + i * sizeof(T), &value, sizeof(T));
}

}  // namespace

int64_t TimeColumn::Residual(uint32_t i) const {
  switch (width_) {
    case 0:
      return 0;
    case kNarrowBytes:
      return Load<int16_t>(residuals_.get(), i);
    case 4:
      return Load<int32_t>(residuals_.get(), i);
    default:
      return Load<int64_t>(residuals_.get(), i);
  }
}

void TimeColumn::SetResidual(uint32_t i, int64_t residual) {
  switch (width_) {
    case 0:
      break;
    case kNarrowBytes:
      Store<int16_t>(residuals_.get(), i, residual);
      break;
    case 4:
      Store<int32_t>(residuals_.get(), i, residual);
      break;
    default:
      Store<int64_t>(residuals_.get(), i, residual);
  }
}

void TimeColumn::Copy(uint32_t from, std::span<int64_t> to) const {
  assert(from + to.size() <= size_);
  uint64_t grid = Grid(from);
  const auto fill = [&](auto residual_at) {
    for (size_t i = 0; i < to.size(); ++i, grid += step_ms_) {
      to[i] = static_cast<int64_t>(
          grid + static_cast<uint64_t>(
                     int64_t{residual_at(from + static_cast<uint32_t>(i))}));
    }
  };
  const char* residuals = residuals_.get();
  switch (width_) {
    case 0:
      fill([](uint32_t) { return 0; });
      break;
    case kNarrowBytes:
      fill([&](uint32_t i) { return Load<int16_t>(residuals, i); });
      break;
    case 4:
      fill([&](uint32_t i) { return Load<int32_t>(residuals, i); });
      break;
    default:
      fill([&](uint32_t i) { return Load<int64_t>(residuals, i); });
  }
}

int64_t TimeColumn::NextResidual(int64_t timestamp_ms) const {
  return static_cast<int64_t>(static_cast<uint64_t>(timestamp_ms) -
                              Grid(size_));
}

bool TimeColumn::Takes(int64_t timestamp_ms) const {
  if (size_ < kRegularEntries) return true;
  const uint8_t needed = WidthOf(NextResidual(timestamp_ms));
  return needed <= std::max(width_, kNarrowBytes);
}

void TimeColumn::Push(int64_t timestamp_ms) {
  if (size_ == 0) first_ms_ = static_cast<uint64_t>(timestamp_ms);
  if (size_ == 1) step_ms_ = static_cast<uint64_t>(timestamp_ms) - first_ms_;
  const int64_t residual = NextResidual(timestamp_ms);
  const uint8_t width = std::max(width_, WidthOf(residual));
  if (width > width_) {
    Grow(width, std::max(kFirstCapacity, size_ + size_ / 4 + 1));
  } else if (width_ > 0 && size_ == capacity_) {
    Grow(width_, capacity_ + capacity_ / 2);
  }
  SetResidual(size_, residual);
  ++size_;
}

void TimeColumn::Grow(uint8_t width, uint32_t capacity) {
  TimeColumn grown;
  grown.width_ = width;
  grown.residuals_ = std::make_unique_for_overwrite<char[]>(
      static_cast<size_t>(capacity) * width);
  for (uint32_t i = 0; i < size_; ++i) grown.SetResidual(i, Residual(i));
  residuals_ = std::move(grown.residuals_);
  width_ = width;
  capacity_ = capacity;
}

void TimeColumns::Push(uint32_t column, int64_t timestamp_ms) {
  TimeColumn& to = columns_.at(column);
  heap_bytes_ -= to.heap_bytes();
  to.Push(timestamp_ms);
  heap_bytes_ += to.heap_bytes();
}

void TimeColumns::Copy(std::span<const SlotRun> slots,
                       std::vector<int64_t>& timestamps_ms) const {
  timestamps_ms.clear();
  for (const SlotRun& run : slots) {
    const size_t begin = timestamps_ms.size();
    timestamps_ms.resize(begin + run.samples);
    columns_.at(run.first.column)
        .Copy(run.first.index, std::span(timestamps_ms).subspan(begin));
  }
}

TimeColumns::Row& TimeColumns::RecentAt(int64_t timestamp_ms) {
  // Timestamps in seconds or in steps of 15 s are to spread as well.
  constexpr uint64_t kGoldenRatio = 0x9e3779b97f4a7c15;
  static_assert(kRecentRows == 1 << 8);
  return rows_[static_cast<uint64_t>(timestamp_ms) * kGoldenRatio >> (64 - 8)];
}

TimeColumns::Placed TimeColumns::Use(const TimeSlot& slot,
                                     int64_t timestamp_ms) {
  recent_ = {slot, timestamp_ms};
  if (rows_.empty()) rows_.resize(kRecentRows);
  RecentAt(timestamp_ms) = recent_;
  return {slot, Fit::kStored};
}

TimeColumns::Placed TimeColumns::PlaceSlowly(const TimeSlot& next,
                                             int64_t timestamp_ms) {
  if (next.column != kNoColumn) {
    const TimeColumn& own = columns_.at(next.column);
    const TimeSlot last = {next.column, next.index - 1};
    const int64_t last_ms = own.at(last.index);
    if (timestamp_ms < last_ms) return {{}, Fit::kLate};
    if (timestamp_ms == last_ms) return {last, Fit::kSameTime};
    if (next.index == own.size()) {
      if (own.Takes(timestamp_ms)) {
        Push(next.column, timestamp_ms);
        return Use(next, timestamp_ms);
      }
    } else if (own.at(next.index) == timestamp_ms) {
      return Use(next, timestamp_ms);
    } else if (own.at(own.size() - 1) == timestamp_ms) {
      return Use({next.column, own.size() - 1}, timestamp_ms);
    }
  }
  if (!rows_.empty()) {
    const Row row = RecentAt(timestamp_ms);
    if (row.slot.column != kNoColumn && row.timestamp_ms == timestamp_ms) {
      return Use(row.slot, timestamp_ms);
    }
  }
  const uint32_t column = columns_.Add();
  Push(column, timestamp_ms);
  return Use({column, 0}, timestamp_ms);
}

}  // namespace varve::storage
