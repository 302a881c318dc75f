#include "lib/graphite/sliding_window.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace varve::graphite {
namespace {

// A node of a set: three pointers, a colour, the value, what malloc adds.
constexpr size_t kOrderedBytes = 56;

}  // namespace

SlidingWindow::Part SlidingWindow::Part::Of(double value) {
  if (IsNone(value)) return {};
  return {1, value, value, 0, value, value, value, value, value};
}

// Means and squares: Chan, Golub, LeVeque, "Updating formulae and a pairwise
// algorithm for computing sample variances" (1979).
SlidingWindow::Part SlidingWindow::Part::Join(const Part& a, const Part& b) {
  if (a.count == 0) return b;
  if (b.count == 0) return a;
  Part joined;
  joined.count = a.count + b.count;
  joined.sum = a.sum + b.sum;
  const double distance = b.mean - a.mean;
  joined.mean = a.mean + distance * (b.count / joined.count);
  joined.squares = a.squares + b.squares +
                   distance * distance * (a.count * b.count / joined.count);
  joined.min = std::min(a.min, b.min);
  joined.max = std::max(a.max, b.max);
  joined.product = a.product * b.product;
  joined.first = a.first;
  joined.last = b.last;
  return joined;
}

size_t SlidingWindow::BytesOf(Aggregation how, size_t length) {
  return length *
         (how == Aggregation::kMedian ? kOrderedBytes : sizeof(Part));
}

void SlidingWindow::Reset(std::span<const double> values) {
  values_ = values;
  begin_ = middle_ = end_ = 0;
  first_.clear();
  second_ = {};
  small_.clear();
  large_.clear();
}

void SlidingWindow::Add() {
  const double value = values_[end_++];
  if (how_ == Aggregation::kMedian) {
    AddOrdered(value);
  } else {
    second_ = Part::Join(second_, Part::Of(value));
  }
}

void SlidingWindow::Drop() {
  const double value = values_[begin_++];
  if (how_ == Aggregation::kMedian) return DropOrdered(value);
  if (first_.empty()) {
    middle_ = end_;
    first_.reserve(end_ - begin_ + 1);  // and no more than is charged for
    Part part;
    for (size_t i = end_; i >= begin_; --i) {
      part = Part::Join(Part::Of(values_[i - 1]), part);
      first_.push_back(part);
    }
    second_ = {};
  }
  first_.pop_back();
}

void SlidingWindow::AddOrdered(double value) {
  if (IsNone(value)) return;
  (large_.empty() || value < *large_.begin() ? small_ : large_).insert(value);
  Balance();
}

void SlidingWindow::DropOrdered(double value) {
  if (IsNone(value)) return;
  Ordered& half = value < *large_.begin() ? small_ : large_;
  half.erase(half.find(value));
  Balance();
}

void SlidingWindow::Balance() {
  if (large_.size() > small_.size() + 1) {
    small_.insert(large_.extract(large_.begin()));
  } else if (large_.size() < small_.size()) {
    large_.insert(small_.extract(std::prev(small_.end())));
  }
}

double SlidingWindow::Median() const {
  if (large_.size() > small_.size()) return *large_.begin();
  return (*large_.begin() + *small_.rbegin()) / 2;
}

double SlidingWindow::Value(double x_files_factor) const {
  const Part part = first_.empty() ? second_
                                   : Part::Join(first_.back(), second_);
  const double count = how_ == Aggregation::kMedian
                           ? static_cast<double>(small_.size() + large_.size())
                           : part.count;
  const auto all = static_cast<double>(size());
  if (count == 0 || count / all < x_files_factor) return kNone;
  switch (how_) {
    case Aggregation::kAverage:
      return part.sum / count;
    case Aggregation::kAverageZero:
      return part.sum / all;
    case Aggregation::kCount:
      return count;
    case Aggregation::kDifference:
      return 2 * part.first - part.sum;
    case Aggregation::kFirst:
      return part.first;
    case Aggregation::kLast:
      return part.last;
    case Aggregation::kMax:
      return part.max;
    case Aggregation::kMedian:
      return Median();
    case Aggregation::kMin:
      return part.min;
    case Aggregation::kMultiply:
      return part.product;
    case Aggregation::kRange:
      return part.max - part.min;
    case Aggregation::kStddev:
      return std::sqrt(part.squares / count);
    case Aggregation::kSum:
      return part.sum;
  }
  return kNone;
}

}  // namespace varve::graphite
