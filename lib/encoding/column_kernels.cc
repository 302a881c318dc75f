#include "lib/encoding/column_kernels.h"

#include <array>

namespace varve::encoding {

#if defined(__x86_64__)
namespace isa_v2 {
extern const ColumnKernels kColumnKernels;
}
namespace isa_v3 {
extern const ColumnKernels kColumnKernels;
}
namespace isa_v4 {
extern const ColumnKernels kColumnKernels;
}
#else
namespace isa_baseline {
extern const ColumnKernels kColumnKernels;
}
#endif

namespace {

struct Supported {
  std::array<const ColumnKernels*, 3> sets{};
  size_t count = 0;
};

Supported FindSupported() {
  Supported found;
#if defined(__x86_64__)
  found.sets[found.count++] = &isa_v2::kColumnKernels;
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") &&
                  __builtin_cpu_supports("bmi") &&
                  __builtin_cpu_supports("bmi2") &&
                  __builtin_cpu_supports("fma");
  if (v3) found.sets[found.count++] = &isa_v3::kColumnKernels;
  const bool v4 = __builtin_cpu_supports("avx512f") &&
                  __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") &&
                  __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512vbmi");
  if (v3 && v4) found.sets[found.count++] = &isa_v4::kColumnKernels;
#else
  found.sets[found.count++] = &isa_baseline::kColumnKernels;
#endif
  return found;
}

}  // namespace

std::span<const ColumnKernels* const> SupportedKernels() {
  static const Supported supported = FindSupported();
  return {supported.sets.data(), supported.count};
}

const ColumnKernels& Kernels() {
  static const ColumnKernels& best = *SupportedKernels().back();
  return best;
}

}  // namespace varve::encoding
