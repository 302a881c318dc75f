// The hint logs of one storage node, in memory: the rules of
// storage/hints/hint_store.h and hint_log.h, without files.
//
// An owner has one log that takes rows. A log without rows ends and is done;
// one that is not whole ends as well, but is never done. What a restart leaves
// is all of it: the answer to a call leaves after the fsync.
//
// Threads: belongs to one.
#ifndef VARVE_TESTS_SIMULATION_MEMORY_HINTS_H_
#define VARVE_TESTS_SIMULATION_MEMORY_HINTS_H_

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/hints/hint_store.h"

namespace varve::simulation {

struct MemoryHintLog {
  int64_t created_ms = 0;
  int64_t taken_ms = 0;
  std::vector<std::string> series;  // canonical labels, by ref
  std::map<std::string, uint64_t> refs;
  struct Record {
    std::string bytes;
    std::vector<int64_t> samples;  // by history.h's numbers
  };
  std::deque<Record> records;

  bool Holds(int64_t sample) const;
};

class MemoryHints {
 public:
  using LogKey = std::pair<uint64_t, uint64_t>;  // owner, log

  // `node_id`: numbers of logs are random in the product, here of the node.
  explicit MemoryHints(uint64_t node_id) : node_id_(node_id) {}

  // The owner's log and refs of the series in it. ResourceExhausted: full.
  absl::StatusOr<uint64_t> Define(uint64_t owner,
                                  const std::vector<std::string>& labels,
                                  int64_t now_ms, std::vector<uint64_t>& refs);
  // False: define again, nothing was stored.
  absl::StatusOr<bool> Append(const LogKey& key, std::string_view record,
                              int64_t now_ms);
  storage::HintState StateOf(const LogKey& key) const;

  // Oldest first.
  std::vector<LogKey> Pending() const;
  MemoryHintLog& log(const LogKey& key) { return logs_.at(key); }
  const std::map<LogKey, MemoryHintLog>& logs() const { return logs_; }
  // Ends a log without rows; false: there are some.
  bool Finish(const LogKey& key);

  bool full = false;  // -storage.maxHintsBytes is reached

 private:
  const uint64_t node_id_;
  uint64_t begun_ = 0;
  std::map<LogKey, MemoryHintLog> logs_;
  std::set<LogKey> done_;
};

}  // namespace varve::simulation

#endif  // VARVE_TESTS_SIMULATION_MEMORY_HINTS_H_
