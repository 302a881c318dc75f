// The inner loops of the column codecs, built once per instruction set.
//
// Which:   isa_kernels.cc is compiled for x86-64-v2, -v3 and -v4 (with VBMI),
//          each in a namespace of its own; elsewhere once, for the target's
//          baseline. Kernels() picks the best the processor has, once.
// In/out:  plain columns; n is 1..128 where a block is meant, else any.
//          Sizes, widths and scales are the caller's to check.
// Same:    every set gives the same result for the same input, bit for bit.
// Threads: functions without state.
#ifndef VARVE_LIB_ENCODING_COLUMN_KERNELS_H_
#define VARVE_LIB_ENCODING_COLUMN_KERNELS_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace varve::encoding {

// How a block of distances is best cut into low and high bits.
struct WidthPlan {
  int width = 0;       // of the low bits
  int high_width = 0;  // 0: no exceptions
  size_t exceptions = 0;
  size_t bytes = 0;  // packed, with positions, without the block's base
};

// How stored integers become mantissas: m0 + (stored << shift).
struct IntTransform {
  int scale = 0;
  int shift = 0;
  uint64_t m0 = 0;
};

struct ColumnKernels {
  const char* isa;

  // --- blocks of small integers (residual_blocks.h) ---
  void (*min_max)(const int64_t* values, size_t n, int64_t* min, int64_t* max);
  // value - base, as zigzag if asked for.
  void (*distances)(const int64_t* values, size_t n, uint64_t base, bool zigzag,
                    uint64_t* out);
  WidthPlan (*plan_width)(const uint64_t* distances, size_t n);
  // The lowest `width` bits of each, LSB first. Writes up to kPackSlack bytes
  // past ceil(n * width / 8).
  void (*pack)(const uint64_t* values, size_t n, int width, char* out);
  // `readable` bytes of `packed` may be read: at least the packed ones.
  void (*unpack)(const char* packed, size_t readable, int width, uint64_t* out,
                 size_t n);
  // The inverse of `distances`, in place.
  void (*add_base)(uint64_t* values, size_t n, uint64_t base, bool zigzag);
  // Each value becomes the sum of `*last` and all up to it; so does `*last`.
  void (*prefix_sum)(int64_t* values, size_t n, uint64_t* last);

  // --- columns of floats (value_encoder.cc, value_decoder.cc) ---
  void (*fill)(double value, double* out, size_t n);
  bool (*same_bits)(const double* values, size_t n);
  // m = nearest(v * 10^scale); says how many do not give v again.
  size_t (*to_mantissas)(const double* values, size_t n, int scale,
                         int64_t* mantissas);
  // The same, with v - m/10^scale in units in the last place, of which
  // kUlpsMax are allowed.
  size_t (*to_ulps)(const double* values, size_t n, int scale,
                    int64_t* mantissas, int64_t* ulps);
  // Integers that sort as the floats do; says how many values are -0, infinite
  // or NaN.
  size_t (*to_ordered)(const double* values, size_t n, int64_t* out);
  // All bits in which some value differs from the first one, by subtraction.
  uint64_t (*difference_bits)(const int64_t* values, size_t n);
  // (value - values[0]) >> shift, in place.
  void (*shift_down)(int64_t* values, size_t n, int shift);
  // out[i] = values[i + 1] - values[i], n - 1 of them; `out` may be `values`.
  void (*differences)(const int64_t* values, size_t n, int64_t* out);

  void (*from_mantissas)(const int64_t* ints, size_t n, const IntTransform&,
                         double* out);
  // `inout` holds the units in the last place, as int64.
  void (*from_ulps)(const int64_t* ints, size_t n, const IntTransform&,
                    double* inout);
  void (*from_ordered)(const int64_t* ints, size_t n, const IntTransform&,
                       double* out);
};

inline constexpr size_t kPackSlack = 72;
inline constexpr int64_t kUlpsMax = 31;

// The fastest set this processor has.
const ColumnKernels& Kernels();

// All sets this processor has, slowest first, for tests and benchmarks.
std::span<const ColumnKernels* const> SupportedKernels();

}  // namespace varve::encoding

#endif  // VARVE_LIB_ENCODING_COLUMN_KERNELS_H_
