// Waits for what another thread does, with an end.
#ifndef VARVE_TESTS_SUPPORT_BECOMES_TRUE_H_
#define VARVE_TESTS_SUPPORT_BECOMES_TRUE_H_

#include <chrono>
#include <thread>

namespace varve::tests {

// Asks again and again until `condition` holds; false when it did not within
// 20 s, more than any of our machines needs.
template <typename Condition>
bool BecomesTrue(Condition&& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace varve::tests

#endif  // VARVE_TESTS_SUPPORT_BECOMES_TRUE_H_
