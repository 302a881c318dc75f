// The process' memory allocator: glibc's, with few arenas.
//
// By default glibc makes eight arenas per CPU; each keeps what it once had, so
// that a process of many threads holds memory that none of them uses. One per
// usable CPU, at least two, costs no time that could be measured and halves
// what a select node keeps (docs/decisions/0005-allocator.md).
//
// Threads: before other threads start. Does nothing with another C library.
#ifndef VARVE_LIB_BASE_ALLOCATOR_H_
#define VARVE_LIB_BASE_ALLOCATOR_H_

namespace varve::base {

void ConfigureAllocator();

// Gives free pages back to the kernel; up to a tenth of a second.
void ReturnFreeMemory();

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_ALLOCATOR_H_
