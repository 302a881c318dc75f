// The aggregate of a window that moves over values, a value at a time.
//
// A step takes constant time (amortised), whatever the window's length; the
// median's takes the logarithm of it. The window is two parts:
//
//   begin        middle        end
//     | a0 a1 a2 | running sum |      ai: of all from its place up to middle
//
// A value that joins is added to the running aggregate of the second part; one
// that leaves takes its ai along. When the first part is empty, the second one
// becomes it, so that each value is taken twice. Nothing is ever subtracted: a
// window has no trace of what left it, neither of infinities nor of rounding.
//
// Threads: belongs to one.
#ifndef VARVE_LIB_GRAPHITE_SLIDING_WINDOW_H_
#define VARVE_LIB_GRAPHITE_SLIDING_WINDOW_H_

#include <cstddef>
#include <set>
#include <span>
#include <vector>

#include "lib/graphite/series.h"

namespace varve::graphite {

class SlidingWindow {
 public:
  explicit SlidingWindow(Aggregation how) : how_(how) {}

  // What a window over `length` values holds, at the most.
  static size_t BytesOf(Aggregation how, size_t length);

  // Begins anew, before the first of `values`, which outlive the moves.
  void Reset(std::span<const double> values);
  size_t size() const { return end_ - begin_; }
  // The next value joins. REQUIRES: there is one.
  void Add();
  // The first value leaves. REQUIRES: size() > 0.
  void Drop();
  // As Aggregate() of the values in the window, but for rounding.
  double Value(double x_files_factor) const;

 private:
  // Of values in a row; missing ones are left out.
  struct Part {
    double count = 0;
    double sum = 0;
    double mean = 0;
    double squares = 0;  // of distances from the mean, summed
    double min = 0;
    double max = 0;
    double product = 1;
    double first = 0;
    double last = 0;

    static Part Of(double value);
    static Part Join(const Part& a, const Part& b);
  };
  using Ordered = std::multiset<double>;

  void AddOrdered(double value);
  void DropOrdered(double value);
  void Balance();
  double Median() const;

  const Aggregation how_;
  std::span<const double> values_;
  size_t begin_ = 0;
  size_t middle_ = 0;
  size_t end_ = 0;
  std::vector<Part> first_;  // of begin_ .. middle_, the last value's first
  Part second_;              // of middle_ .. end_
  // For the median, in place of the parts: the smaller half and the larger
  // one, which has as many values or one more.
  Ordered small_;
  Ordered large_;
};

}  // namespace varve::graphite

#endif  // VARVE_LIB_GRAPHITE_SLIDING_WINDOW_H_
