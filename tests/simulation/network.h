// Links between simulated processes, and what goes wrong on them.
//
// Every call is answered before Start returns, or fails: its link is cut, or
// it is lost on the way there or back (of a stream some messages may have come
// back), it is late, or the process that takes it dies before or after its
// effect. What is late is given up by the caller and has its effect at another
// time, if the process still runs then.
//
// Who calls has a name, who is called an address; a link is of such a pair and
// may be cut alone. A link that loses a call has another connection after it.
//
// Threads: belongs to one.
#ifndef VARVE_TESTS_SIMULATION_NETWORK_H_
#define VARVE_TESTS_SIMULATION_NETWORK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/clock.h"
#include "net/rpc/rpc.h"
#include "tests/simulation/random.h"

namespace varve::simulation {

// What runs at an address.
class Process {
 public:
  virtual ~Process() = default;
  virtual std::string Hello() = 0;
  virtual absl::Status Handle(rpc::Method method, std::string_view payload,
                              std::vector<std::string>& answers) = 0;
  // It is within a call of its own or another's: it may not be killed now.
  virtual bool busy() const = 0;
};

// Of a thousand calls so many.
struct Weather {
  int lost = 0;        // half of them before, half of them after their effect
  int late = 0;
  int kills = 0;       // likewise
  int interrupted = 0; // something else happens before them
};

class Network {
 public:
  // Both outlive it.
  Network(base::ManualClock* clock, Random* random)
      : clock_(*clock), random_(*random) {}

  // Null: nothing runs there. The process outlives its time there.
  void Run(const std::string& address, Process* process);
  std::unique_ptr<rpc::Channel> Dial(const std::string& from,
                                     const std::string& address);

  void Cut(const std::string& from, const std::string& address);
  void Heal(const std::string& from, const std::string& address);
  void HealAll();
  bool Reaches(const std::string& from, const std::string& address) const;

  // One call that was late has its effect; false: there is none.
  bool DeliverLate();

  Weather weather;
  // Ends the process at an address; not within its own calls.
  std::function<void(const std::string& address)> kill;
  // What may happen before a call.
  std::function<void()> interrupt;

  base::ManualClock& clock() { return clock_; }

 private:
  friend class SimulatedChannel;
  struct Link {
    bool cut = false;
    uint64_t breaks = 0;
  };
  struct Place {
    Process* process = nullptr;
    uint64_t starts = 0;
  };
  struct Late {
    std::string address;
    uint64_t starts = 0;
    rpc::Method method = 0;
    std::string payload;
  };
  enum class Fate { kArrives, kLost, kAnswerLost, kLate, kDies, kDiesAfter };

  Fate FateOf(const Process& process);
  std::unique_ptr<rpc::Call> Call(const std::string& from,
                                  const std::string& address,
                                  rpc::Method method, std::string payload);
  uint64_t EpochOf(const std::string& from, const std::string& address) const;

  base::ManualClock& clock_;
  Random& random_;
  std::map<std::pair<std::string, std::string>, Link> links_;
  std::map<std::string, Place> places_;
  std::vector<Late> late_;
  bool interrupted_ = false;
};

}  // namespace varve::simulation

#endif  // VARVE_TESTS_SIMULATION_NETWORK_H_
