// Draws of one seed: the same on every machine and run.
//
// Threads: belongs to one.
// Source:  Steele, Lea, Flood, "Fast splittable pseudorandom number
//          generators" (2014): splitmix64.
#ifndef VARVE_TESTS_SIMULATION_RANDOM_H_
#define VARVE_TESTS_SIMULATION_RANDOM_H_

#include <cstdint>

namespace varve::simulation {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // REQUIRES: n > 0.
  int Below(int n) {
    return static_cast<int>(Next() % static_cast<uint64_t>(n));
  }
  int64_t Between(int64_t first, int64_t last) {
    return first +
           static_cast<int64_t>(Next() % static_cast<uint64_t>(last - first + 1));
  }
  bool PerMille(int n) { return Below(1'000) < n; }

 private:
  uint64_t state_;
};

}  // namespace varve::simulation

#endif  // VARVE_TESTS_SIMULATION_RANDOM_H_
