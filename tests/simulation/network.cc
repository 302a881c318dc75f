#include "tests/simulation/network.h"

#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/wire/methods.h"

namespace varve::simulation {
namespace {

// Callers that give up on a late call have waited until their own deadline,
// for this long at most.
constexpr int64_t kPatienceMs = 10'000;

class SimulatedCall final : public rpc::Call {
 public:
  SimulatedCall(absl::Status status, std::vector<std::string> answers,
                base::ManualClock* clock)
      : status_(std::move(status)),
        answers_(std::move(answers)),
        clock_(*clock) {}

  absl::StatusOr<std::optional<std::string>> Next(
      int64_t deadline_steady_ms) override {
    if (next_ < answers_.size()) {
      return std::optional<std::string>(std::move(answers_[next_++]));
    }
    if (absl::IsDeadlineExceeded(status_)) {
      const int64_t now_ms = clock_.SteadyMs();
      clock_.Set(std::clamp(deadline_steady_ms, now_ms, now_ms + kPatienceMs));
    }
    RETURN_IF_ERROR(status_);
    return std::optional<std::string>();
  }

 private:
  const absl::Status status_;
  std::vector<std::string> answers_;
  base::ManualClock& clock_;
  size_t next_ = 0;
};

}  // namespace

class SimulatedChannel final : public rpc::Channel {
 public:
  SimulatedChannel(Network* network, std::string from, std::string address)
      : network_(*network),
        from_(std::move(from)),
        address_(std::move(address)) {}

  std::unique_ptr<rpc::Call> Start(rpc::Method method,
                                   std::string payload) override {
    return network_.Call(from_, address_, method, std::move(payload));
  }
  bool connected() const override {
    return network_.Reaches(from_, address_);
  }
  std::string peer_hello() const override {
    return connected() ? network_.places_[address_].process->Hello() : "";
  }
  uint64_t connection_epoch() const override {
    return network_.EpochOf(from_, address_);
  }
  const std::string& address() const override { return address_; }

 private:
  Network& network_;
  const std::string from_;
  const std::string address_;
};

void Network::Run(const std::string& address, Process* process) {
  Place& place = places_[address];
  place.process = process;
  place.starts += process != nullptr;
}

std::unique_ptr<rpc::Channel> Network::Dial(const std::string& from,
                                            const std::string& address) {
  return std::make_unique<SimulatedChannel>(this, from, address);
}

void Network::Cut(const std::string& from, const std::string& address) {
  Link& link = links_[{from, address}];
  link.breaks += !link.cut;
  link.cut = true;
}

void Network::Heal(const std::string& from, const std::string& address) {
  links_[{from, address}].cut = false;
}

void Network::HealAll() {
  for (auto& [ends, link] : links_) link.cut = false;
}

bool Network::Reaches(const std::string& from,
                      const std::string& address) const {
  const auto place = places_.find(address);
  if (place == places_.end() || place->second.process == nullptr) return false;
  const auto link = links_.find({from, address});
  return link == links_.end() || !link->second.cut;
}

uint64_t Network::EpochOf(const std::string& from,
                          const std::string& address) const {
  const auto link = links_.find({from, address});
  const auto place = places_.find(address);
  return (place == places_.end() ? 0 : place->second.starts << 32) +
         (link == links_.end() ? 0 : link->second.breaks);
}

Network::Fate Network::FateOf(const Process& process) {
  int draw = random_.Below(1'000);
  if (draw < weather.lost) return draw % 2 == 0 ? Fate::kLost : Fate::kAnswerLost;
  draw -= weather.lost;
  if (draw < weather.late) return Fate::kLate;
  draw -= weather.late;
  if (draw < weather.kills && !process.busy()) {
    return draw % 2 == 0 ? Fate::kDies : Fate::kDiesAfter;
  }
  return Fate::kArrives;
}

std::unique_ptr<rpc::Call> Network::Call(const std::string& from,
                                         const std::string& address,
                                         rpc::Method method,
                                         std::string payload) {
  if (weather.interrupted > 0 && !interrupted_ &&
      random_.PerMille(weather.interrupted)) {
    interrupted_ = true;
    interrupt();
    interrupted_ = false;
  }
  std::vector<std::string> answers;
  absl::Status status = base::Unavailable(address, " is not connected");
  if (!Reaches(from, address)) {
    return std::make_unique<SimulatedCall>(status, answers, &clock_);
  }
  const Place& place = places_[address];
  Fate fate = FateOf(*place.process);
  // Who reads waits until the connection is given up.
  if (fate == Fate::kLate && method >= wire::kSearch) fate = Fate::kLost;
  if (fate == Fate::kLate) {
    late_.push_back({address, place.starts, method, std::move(payload)});
    return std::make_unique<SimulatedCall>(
        base::DeadlineExceeded("no answer within its time limit"), answers,
        &clock_);
  }
  if (fate != Fate::kLost && fate != Fate::kDies) {
    status = place.process->Handle(method, payload, answers);
  }
  if (fate != Fate::kArrives) {
    // Of a stream its beginning may have come.
    if (!answers.empty()) {
      answers.resize(static_cast<size_t>(
          random_.Below(static_cast<int>(answers.size()))));
    }
    status = base::Unavailable("the connection to ", address, " was lost");
  }
  if (fate == Fate::kLost || fate == Fate::kAnswerLost) {
    ++links_[{from, address}].breaks;
  }
  if (fate == Fate::kDies || fate == Fate::kDiesAfter) kill(address);
  return std::make_unique<SimulatedCall>(status, std::move(answers), &clock_);
}

bool Network::DeliverLate() {
  if (late_.empty()) return false;
  const auto at = late_.begin() + random_.Below(static_cast<int>(late_.size()));
  const Late call = std::move(*at);
  late_.erase(at);
  const Place& place = places_[call.address];
  // A busy process is one that waits for a call of its own: that is possible.
  if (place.process == nullptr || place.starts != call.starts) return true;
  std::vector<std::string> nobody;
  (void)place.process->Handle(call.method, call.payload, nobody);
  return true;
}

}  // namespace varve::simulation
