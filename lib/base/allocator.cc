#include "lib/base/allocator.h"

#include <algorithm>
#include <cstdlib>

#include "lib/base/machine.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace varve::base {

void ConfigureAllocator() {
#if defined(__GLIBC__)
  // Who sets the variable knows better.
  if (std::getenv("MALLOC_ARENA_MAX") != nullptr) return;
  // Fails only for values it does not know: then the default stays.
  (void)mallopt(M_ARENA_MAX, std::max(2, CpuThreads()));
#endif
}

void ReturnFreeMemory() {
#if defined(__GLIBC__)
  (void)malloc_trim(0);  // whether there was any does not matter
#endif
}

}  // namespace varve::base
