// How bodies of unknown size are unpacked, so that one which is small on the
// wire and huge behind it costs no memory: what is large once unpacked, or
// unpacks unusually well, is measured first, in a buffer on the stack.
//
// For lib/compress's .cc files. Threads: free functions without state.
#ifndef VARVE_LIB_COMPRESS_MEASURED_H_
#define VARVE_LIB_COMPRESS_MEASURED_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/base/status.h"

namespace varve::compress {

// A decompressor's buffer begins with this.
inline constexpr size_t kGrowBytes = 64 << 10;

// Of a decompressor that measures.
inline constexpr size_t kMeasureBytes = 16 << 10;

// What an unpacked size may be: `bytes_max`, and within the first pass as much
// as what was read of the source explains.
class OutputBound {
 public:
  OutputBound(std::string_view codec, size_t bytes_max, bool measured)
      : codec_(codec), bytes_max_(bytes_max), measured_(measured) {}

  size_t bytes_max() const { return bytes_max_; }

  absl::Status TooMuch() const {
    return base::ResourceExhausted(codec_, ": more than ", bytes_max_,
                                   " bytes when decompressed");
  }

  // Makes room behind `made` bytes, the whole of `out`, which `read` bytes of
  // the source have given. One byte more than allowed shows that there is more.
  absl::Status Grow(size_t made, size_t read, std::string& out) const {
    // Label sets repeated again and again unpack 50-fold; a bomb, by deflate
    // up to 1032-fold.
    constexpr size_t kUsualRatio = 100;
    constexpr size_t kAnyRatioBytes = 256 << 10;
    if (made > bytes_max_) return TooMuch();
    if (!measured_ && made >= kAnyRatioBytes && made / kUsualRatio > read) {
      return TooMuch();
    }
    out.resize(std::min(made + std::max(made, kGrowBytes), bytes_max_ + 1));
    return absl::OkStatus();
  }

 private:
  const std::string_view codec_;
  const size_t bytes_max_;
  const bool measured_;
};

// `decompress(OutputBound)` fills `out`, ResourceExhausted when it would pass
// the bound; `measure(bytes_max)` says how many bytes there are, up to
// `bytes_max` and a few more, or fewer when the data is damaged.
template <typename Decompress, typename Measure>
absl::Status DecompressMeasured(std::string_view codec, size_t bytes_max,
                                std::string& out, const Decompress& decompress,
                                const Measure& measure) {
  // Bodies of agents are below.
  constexpr size_t kUnmeasuredBytes = 4 << 20;
  absl::Status status = decompress(
      OutputBound(codec, std::min(bytes_max, kUnmeasuredBytes), false));
  if (absl::IsResourceExhausted(status)) {
    std::string().swap(out);
    const size_t bytes = measure(bytes_max);
    if (bytes > bytes_max) {
      return OutputBound(codec, bytes_max, true).TooMuch();
    }
    out.reserve(bytes + 1);  // grows within it
    status = decompress(OutputBound(codec, bytes, true));
  }
  if (!status.ok()) out.clear();
  return status;
}

}  // namespace varve::compress

#endif  // VARVE_LIB_COMPRESS_MEASURED_H_
