// Small integers as bit-packed blocks: patched frame of reference (PFOR).
//
// In:      any int64 values; differences wrap around, nothing is lost.
// Out:     blocks of 128 values, the last one shorter, appended to `out`:
//
//   block := w:u8 base [nexc:u8 high_width:u8 position:u8[nexc] high] low
//     w     width (6 bits; 63 stands for 64) | exceptions << 6 | zigzag << 7
//     base  zigzag varint of its difference to the previous block's base
//     low   each value's lowest `width` bits, LSB first: ceil(n * width / 8)
//     high  the bits above, of the values at `position`, packed likewise
//   value  := base + u, or base + unzigzag(u) with outliers on both sides
//
// Errors:  the reader says false for missing or impossible bytes; it never
//          reads outside its view.
// Threads: free functions without state; a reader belongs to one thread.
// Source:  Zukowski et al., "Super-Scalar RAM-CPU Cache Compression" (ICDE
//          2006), section 3, with 1-byte positions in place of linked lists.
#ifndef VARVE_LIB_ENCODING_RESIDUAL_BLOCKS_H_
#define VARVE_LIB_ENCODING_RESIDUAL_BLOCKS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/encoding/column_kernels.h"

namespace varve::encoding {

inline constexpr size_t kResidualBlock = 128;

void AppendResiduals(std::span<const int64_t> values, std::string& out,
                     const ColumnKernels& kernels = Kernels());

// How many bytes AppendResiduals makes of these values, but for the blocks'
// heads, which are the same for all predictors to within a byte or two.
size_t ResidualBytes(std::span<const int64_t> values,
                     const ColumnKernels& kernels = Kernels());

class ResidualReader {
 public:
  explicit ResidualReader(std::string_view bytes,
                          const ColumnKernels& kernels = Kernels())
      : rest_(bytes), kernels_(&kernels) {}

  // Fills `values`. REQUIRES: kResidualBlock of them, fewer in the last call.
  bool NextBlock(std::span<int64_t> values);
  // As NextBlock, then each value becomes the sum of `last` and all up to it,
  // `last` the last one.
  bool NextSums(std::span<int64_t> values, uint64_t& last);
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  uint64_t base_ = 0;
  const ColumnKernels* kernels_;
};

}  // namespace varve::encoding

#endif  // VARVE_LIB_ENCODING_RESIDUAL_BLOCKS_H_
