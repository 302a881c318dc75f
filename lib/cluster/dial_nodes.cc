#include "lib/cluster/dial_nodes.h"

#include <re2/re2.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <span>
#include <thread>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/cluster/node_source.h"
#include "lib/wire/features.h"
#include "lib/wire/hello.h"

namespace varve::cluster {
namespace {

constexpr absl::Duration kIntervalMin = absl::Milliseconds(10);

// Which nodes were never connected; outlives the dialer in the channels'
// callbacks.
class FirstConnections {
 public:
  void Expect(const std::string& address) {
    base::MutexLock lock(mutex_);
    missing_.insert(address);
  }
  void Came(const std::string& address) {
    base::MutexLock lock(mutex_);
    missing_.erase(address);
    changed_.NotifyAll();
  }
  void WaitFor(std::span<const std::string> addresses,
               absl::Duration wait_max) {
    const base::Clock& clock = base::SystemClock();
    const int64_t deadline_ms =
        clock.SteadyMs() + absl::ToInt64Milliseconds(wait_max);
    base::MutexLock lock(mutex_);
    while (clock.SteadyMs() < deadline_ms &&
           std::ranges::any_of(addresses, [this](const std::string& one)
                                              REQUIRES_LOCK(mutex_) {
             return missing_.contains(one);
           })) {
      changed_.WaitFor(lock,
                       absl::Milliseconds(deadline_ms - clock.SteadyMs()));
    }
  }

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  std::set<std::string> missing_ GUARDED_BY(mutex_);
};

// Tells once what a node's release lacks, so that nobody has to guess why a
// feature is not used. Of one channel, which greets once at a time.
class ReleaseLog {
 public:
  void Greeted(const std::string& address, std::string_view bytes) {
    const absl::StatusOr<wire::Hello> hello = wire::DecodeHello(bytes);
    if (!hello.ok() || told_.exchange(hello->features) == hello->features) {
      return;
    }
    const std::string lacked = wire::LackedFeatures(*hello);
    if (!lacked.empty()) {
      base::LogInfo("storage node ", address,
                    " is of an older release, which lacks: ", lacked);
    } else if ((hello->features & ~wire::kFeatures) != 0) {
      base::LogInfo("storage node ", address, " is of a newer release");
    }
  }

 private:
  std::atomic<uint64_t> told_{wire::kFeatures};
};

class Dialer final : public DialedNodes {
 public:
  Dialer(net::Transport* transport, const DialNodesOptions& options,
         std::vector<NodeSource> sources)
      : transport_(transport),
        options_(options),
        filter_(options.filter, RE2::Quiet),
        set_({}) {
    if (options.metrics != nullptr) {
      errors_ = &options.metrics->AddCounter(
          "varve_storage_node_discovery_errors_total");
    }
    for (NodeSource& source : sources) {
      sources_.push_back({.source = std::move(source), .nodes = {}});
    }
  }
  ~Dialer() override {
    {
      base::MutexLock lock(mutex_);
      stop_ = true;
      stopped_.NotifyAll();
    }
    if (thread_.joinable()) thread_.join();
  }

  NodeSet* set() override { return &set_; }

  absl::Status Start() {
    if (!filter_.ok()) {
      return base::InvalidArgument("-storageNode.filter=\"", options_.filter,
                                   "\": ", filter_.error());
    }
    Refresh();
    const bool watched =
        std::any_of(sources_.begin(), sources_.end(), [](const Found& found) {
          return found.source.changes();
        });
    if (watched) thread_ = std::thread([this] { Watch(); });
    return absl::OkStatus();
  }

 private:
  struct FoundNode {
    NodeAddress address;
    int looks_missed = 0;
    int64_t seen_ms = 0;
  };
  struct Found {
    NodeSource source;
    std::vector<FoundNode> nodes;
    bool failed = false;  // the last time it was asked
  };

  void Watch() {
    const absl::Duration interval =
        std::max(options_.discovery_interval, kIntervalMin);
    base::MutexLock lock(mutex_);
    while (!stop_) {
      stopped_.WaitFor(lock, interval);
      if (stop_) return;
      lock.Unlock();
      Refresh();
      lock.Lock();
    }
  }

  void Refresh() {
    std::vector<NodeAddress> all;
    for (Found& one : sources_) {
      if (stopping()) return;
      Ask(one);
      for (const FoundNode& node : one.nodes) {
        const bool repeated =
            std::any_of(all.begin(), all.end(), [&](const NodeAddress& other) {
              return other.address == node.address.address;
            });
        if (!repeated) all.push_back(node.address);
      }
    }
    Connect(all);
    // Here and nowhere else the last hold on a node is given up: its channel
    // must not go within a callback.
    std::erase_if(nodes_, [](const std::shared_ptr<const Node>& node) {
      return node.use_count() == 1;
    });
  }

  bool stopping() {
    base::MutexLock lock(mutex_);
    return stop_;
  }

  void Ask(Found& one) {
    if (!one.source.changes() && !one.nodes.empty()) return;
    auto found = FindNodes(one.source, options_.default_port,
                           *options_.resolver, transport_->enable_ipv6());
    if (found.ok() && one.source.changes()) {
      std::erase_if(*found, [this](const NodeAddress& node) {
        return !RE2::PartialMatch(node.address, filter_);
      });
      if (found->empty()) {
        found = base::Unavailable(
            one.source.text, " names no storage node that -storageNode.filter "
            "lets through");
      }
    }
    if (found.ok()) {
      Keep(*found, one);
    } else {
      if (errors_ != nullptr) errors_->Increment();
      // Once, not at each look.
      if (!one.failed) {
        base::LogWarn("-storageNode=\"", one.source.text, "\": ",
                      base::Message(found.status()), "; ", one.nodes.size(),
                      " nodes found before stay");
      }
    }
    one.failed = !found.ok();
  }

  // Takes in what was found; what was not found stays for a while.
  void Keep(const std::vector<NodeAddress>& found, Found& one) const {
    const int64_t now_ms = base::SystemClock().SteadyMs();
    const int64_t grace_ms = absl::ToInt64Milliseconds(options_.dns_grace);
    for (FoundNode& node : one.nodes) ++node.looks_missed;
    for (const NodeAddress& address : found) {
      auto known = std::find_if(
          one.nodes.begin(), one.nodes.end(), [&](const FoundNode& node) {
            return node.address.address == address.address;
          });
      if (known == one.nodes.end()) {
        known = one.nodes.insert(known, FoundNode());
      }
      *known = {.address = address, .looks_missed = 0, .seen_ms = now_ms};
    }
    const bool is_file = one.source.kind == NodeSource::Kind::kFile;
    std::erase_if(one.nodes, [&](const FoundNode& node) {
      return node.looks_missed > 1 &&
             (is_file || now_ms - node.seen_ms >= grace_ms);
    });
    std::sort(one.nodes.begin(), one.nodes.end(),
              [](const FoundNode& a, const FoundNode& b) {
                return a.address.address < b.address.address;
              });
  }

  void Connect(const std::vector<NodeAddress>& all) {
    const std::shared_ptr<const NodeList> before = set_.list();
    std::vector<std::shared_ptr<const Node>> nodes;
    std::vector<std::string> dialed;
    for (const NodeAddress& address : all) {
      const auto known = std::find_if(
          before->nodes().begin(), before->nodes().end(),
          [&](const std::shared_ptr<const Node>& node) {
            return node->address == address.address &&
                   node->group == address.group;
          });
      if (known == before->nodes().end()) {
        nodes_.push_back(Dial(address));
        dialed.push_back(address.address);
      }
      nodes.push_back(known != before->nodes().end() ? *known : nodes_.back());
    }
    if (nodes == before->nodes()) return;
    // Until it is connected a node counts as one that fails.
    first_->WaitFor(dialed, options_.first_wait);
    const size_t count = nodes.size();
    set_.Replace(std::move(nodes));
    if (before->size() > 0) {
      base::LogInfo("the storage nodes have changed: ", count, " instead of ",
                    before->size());
    }
  }

  std::shared_ptr<const Node> Dial(const NodeAddress& address) {
    rpc::TcpChannelOptions channel;
    channel.address = address.address;
    channel.hello = [role = options_.role, token = options_.token] {
      return wire::EncodeHello(role, token);
    };
    channel.accept = [text = address.text,
                      release = std::make_shared<ReleaseLog>()](
                         std::string_view hello) -> absl::Status {
      RETURN_IF_ERROR(wire::AcceptHello(hello, ""));
      release->Greeted(text, hello);
      return absl::OkStatus();
    };
    first_->Expect(address.address);
    channel.on_first_connect = [address, first = first_] {
      base::LogInfo("successfully dialed -storageNode=\"", address.text, "\"");
      first->Came(address.address);
    };
    channel.dial = options_.dial;
    channel.metrics = options_.metrics;
    channel.metrics_name = options_.metrics_name;
    return std::make_shared<const Node>(
        address.address, address.group,
        std::make_unique<rpc::TcpChannel>(transport_, std::move(channel)));
  }

  net::Transport* const transport_;
  const DialNodesOptions options_;
  const RE2 filter_;
  const std::shared_ptr<FirstConnections> first_ =
      std::make_shared<FirstConnections>();
  telemetry::Counter* errors_ = nullptr;
  // Of Start, then of the thread.
  std::vector<Found> sources_;
  std::vector<std::shared_ptr<const Node>> nodes_;  // also those that left
  NodeSet set_;
  base::Mutex mutex_;
  base::CondVar stopped_;
  bool stop_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<DialedNodes>> DialNodes(
    net::Transport* transport, const DialNodesOptions& options) {
  ASSIGN_OR_RETURN(std::vector<NodeSource> sources,
                   ParseNodeSources(options.nodes, options.default_port));
  auto dialer =
      std::make_unique<Dialer>(transport, options, std::move(sources));
  RETURN_IF_ERROR(dialer->Start());
  return dialer;
}

}  // namespace varve::cluster
