// Inputs a fuzz target starts from, made by its own code.
//
//   extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
//     const std::string frame = Encode(...);
//     add(frame.data(), frame.size());
//   }
//
// Optional: a target without it starts from nothing. libFuzzer programs find
// their own way and do not call it.
#ifndef VARVE_TESTS_FUZZ_SEEDS_H_
#define VARVE_TESTS_FUZZ_SEEDS_H_

#include <cstddef>

using VarveFuzzAdd = void (*)(const char* data, size_t size);

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add);

#endif  // VARVE_TESTS_FUZZ_SEEDS_H_
