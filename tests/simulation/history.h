// What was written in a simulation, and what has become of it.
//
// A sample's value is its number, so that wherever it turns up it can be
// told what it should be.
//
// Threads: belongs to one.
#ifndef VARVE_TESTS_SIMULATION_HISTORY_H_
#define VARVE_TESTS_SIMULATION_HISTORY_H_

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/model/label.h"

namespace varve::simulation {

struct SeriesName {
  std::string labels;  // canonical bytes
  uint16_t slot = 0;
};
inline constexpr int kSeries = 16;
// up{i="0"} and so on.
const std::vector<SeriesName>& AllSeries();
// -1 for what is none of them.
int SeriesOf(const model::LabelSet& labels);

struct Sample {
  int series = 0;
  int64_t at_ms = 0;
  bool acknowledged = false;
  // By the writer's own count it is on fewer nodes than the replication factor,
  // or has been since: a node with a copy was wiped or left.
  bool incomplete = false;
  // How many more disks may be lost before it may be.
  int spare_disks = 0;
  // More were.
  bool lost = false;
};

class History {
 public:
  // The sample's number, from 1 on; 0 when the series has one at that time.
  int64_t Add(int series, int64_t at_ms);
  // REQUIRES: a number that Add gave.
  Sample& sample(int64_t number) { return samples_[Index(number)]; }
  const Sample& sample(int64_t number) const { return samples_[Index(number)]; }
  int64_t size() const { return static_cast<int64_t>(samples_.size()); }
  bool Has(int64_t number) const { return number >= 1 && number <= size(); }
  std::string Text(int64_t number) const;

 private:
  static size_t Index(int64_t number) {
    return static_cast<size_t>(number - 1);
  }

  std::vector<Sample> samples_;
  std::set<std::pair<int, int64_t>> taken_;
};

}  // namespace varve::simulation

#endif  // VARVE_TESTS_SIMULATION_HISTORY_H_
