#include "lib/histogram/text.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "lib/histogram/buckets.h"

namespace varve::histogram {
namespace {

// The shortest digits that read back; with an exponent below 1e-4 and from
// 1e6 on.
void AppendNumber(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  const double size = std::abs(value);
  const bool exponent = size != 0 && (size < 1e-4 || size >= 1e6);
  // The longest fixed form below 1e6 has 21 digits behind its point.
  char text[32];
  const auto end =
      std::to_chars(std::begin(text), std::end(text), value,
                    exponent ? std::chars_format::scientific
                             : std::chars_format::fixed);
  out.append(text, end.ptr);
}

void AppendBucket(std::string& out, const Bucket& bucket) {
  if (bucket.count == 0) return;
  out += bucket.lower_inclusive ? ", [" : ", (";
  AppendNumber(out, bucket.lower);
  out += ',';
  AppendNumber(out, bucket.upper);
  out += bucket.upper_inclusive ? "]:" : "):";
  AppendNumber(out, bucket.count);
}

}  // namespace

std::string Text(const FloatHistogram& h) {
  std::string out = "{count:";
  AppendNumber(out, h.count);
  out += ", sum:";
  AppendNumber(out, h.sum);
  for (InwardIndexWalk walk(h, Side::kNegative); walk.Next();) {
    AppendBucket(out, BucketAt(h, Side::kNegative, walk.index(), walk.count()));
  }
  AppendBucket(out, ZeroBucketOf(h));
  for (IndexWalk walk(h, Side::kPositive); walk.Next();) {
    AppendBucket(out, BucketAt(h, Side::kPositive, walk.index(), walk.count()));
  }
  out += '}';
  return out;
}

}  // namespace varve::histogram
