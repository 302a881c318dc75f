// Random stories of a cluster, each of a seed; a hundred take a second.
//
// SIMULATION_SEED=x     that seed alone, with all of its steps
// SIMULATION_SEEDS=n    so many instead of kSeeds
// SIMULATION_FIRST=x    from that seed on
// VARVE_LONG=1          kSeedsLong
#include <malloc.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <string>

#include "absl/strings/numbers.h"
#include "lib/base/log.h"
#include "tests/simulation/scenario.h"

namespace varve::simulation {
namespace {

constexpr uint64_t kSeeds = 1'000;
constexpr uint64_t kSeedsLong = 20'000;

uint64_t NumberOf(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  uint64_t number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number
                                                            : otherwise;
}

void Tell(uint64_t seed, const Scenario& scenario) {
  std::cerr << "SIMULATION_SEED=" << seed << "\n";
  for (const std::string& step : scenario.steps()) {
    std::cerr << "  " << step << "\n";
  }
  for (const std::string& text : scenario.cluster().Texts()) {
    std::cerr << "  " << text << "\n";
  }
  std::cerr << "  -> "
            << (scenario.checker().failed() ? scenario.checker().failure()
                                            : "all is well")
            << "\n";
}

TEST_CASE("whatever happens to a cluster, what it promises holds",
          "[simulation][slow]") {
  // A ring has hundreds of kilobytes, which are not to be mapped each time.
  mallopt(M_MMAP_THRESHOLD, 64 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  base::ConfigureLog({.level_min = base::LogLevel::kFatal});
  const char* const is_long = std::getenv("VARVE_LONG");
  uint64_t count = is_long != nullptr && *is_long != '\0' ? kSeedsLong : kSeeds;
  count = NumberOf("SIMULATION_SEEDS", count);
  uint64_t first = NumberOf("SIMULATION_FIRST", 1);
  const bool alone = std::getenv("SIMULATION_SEED") != nullptr;
  if (alone) {
    first = NumberOf("SIMULATION_SEED", 0);
    count = 1;
  }
  telemetry::Metrics metrics("vminsert", nullptr);
  base::ThreadPool pool("simulation", 1);
  int64_t reads = 0;
  int64_t partial = 0;
  int64_t excused = 0;
  int64_t acknowledged = 0;
  uint64_t failed = 0;
  for (uint64_t seed = first; seed < first + count && failed == 0; ++seed) {
    Scenario scenario(seed, &metrics, &pool);
    scenario.Run();
    if (alone || scenario.checker().failed()) Tell(seed, scenario);
    reads += scenario.checker().reads();
    partial += scenario.checker().partial();
    excused += scenario.checker().excused();
    acknowledged += scenario.acknowledged();
    failed += scenario.checker().failed();
  }
  std::cout << count << " seeds: " << acknowledged
            << " samples acknowledged, " << reads << " reads, " << partial
            << " partial, " << excused
            << " times a sample was missing as documented\n";
  CHECK(failed == 0);
}

}  // namespace
}  // namespace varve::simulation
