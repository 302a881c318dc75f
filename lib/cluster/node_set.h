// The storage nodes of -storageNode: channels, greetings, health.
//
// A NodeSet's nodes may change while the process runs (a watched file, DNS);
// whoever reads or writes takes the NodeList of the moment and keeps to it
// until the end, since its numbers of nodes mean nothing in another list. A
// node that stays keeps its channel; one that left loses it when the last list
// that has it goes.
//
// Made by DialNodes (lib/cluster/dial_nodes.h), which connects eagerly; or from
// channels of any kind, for tests and for one process that holds all roles.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_NODE_SET_H_
#define VARVE_LIB_CLUSTER_NODE_SET_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/mutex.h"
#include "lib/cluster/node_health.h"
#include "net/rpc/rpc.h"

namespace varve::cluster {

struct Node {
  Node(std::string address_text, std::string group_name,
       std::unique_ptr<rpc::Channel> to)
      : address(std::move(address_text)),
        group(std::move(group_name)),
        channel(std::move(to)) {}

  const std::string address;  // as given, without the group
  const std::string group;    // "group/address" of -storageNode; "" without
  const std::unique_ptr<rpc::Channel> channel;
  mutable NodeHealth health;
};

// What a node said in its HELLO.
struct NodeGreeting {
  uint64_t node_id = 0;
  uint64_t ref_epoch = 0;
  uint64_t features = 0;
  std::string zone;
  uint32_t weight = 1;
  bool is_select = false;  // it answers for the storage nodes below it
  bool is_insert = false;  // it writes to the storage nodes below it
  std::vector<uint64_t> member_ids;  // those, ascending
};

// Immutable but for what the nodes' channels do.
class NodeList {
 public:
  explicit NodeList(std::vector<std::shared_ptr<const Node>> nodes)
      : nodes_(std::move(nodes)) {}

  size_t size() const { return nodes_.size(); }
  const Node& node(size_t i) const { return *nodes_[i]; }
  rpc::Channel& channel(size_t i) const { return *nodes_[i]->channel; }
  bool connected(size_t i) const { return nodes_[i]->channel->connected(); }
  // Unavailable while node `i` is not connected.
  absl::StatusOr<NodeGreeting> Greeting(size_t i) const;

  const std::vector<std::shared_ptr<const Node>>& nodes() const {
    return nodes_;
  }

 private:
  const std::vector<std::shared_ptr<const Node>> nodes_;
};

class NodeSet {
 public:
  explicit NodeSet(std::vector<std::shared_ptr<const Node>> nodes)
      : list_(std::make_shared<const NodeList>(std::move(nodes))) {}

  // Never null; may be of no nodes.
  std::shared_ptr<const NodeList> list() const {
    base::MutexLock lock(mutex_);
    return list_;
  }
  void Replace(std::vector<std::shared_ptr<const Node>> nodes) {
    auto list = std::make_shared<const NodeList>(std::move(nodes));
    {
      base::MutexLock lock(mutex_);
      list_.swap(list);
    }
    base::MutexLock lock(listener_mutex_);
    if (listener_ != nullptr) listener_();
  }
  // For who holds a list between its uses: called after each Replace, which
  // returns after it. Null: nobody listens; no call is under way any more.
  void Listen(std::function<void()> listener) {
    base::MutexLock lock(listener_mutex_);
    listener_ = std::move(listener);
  }

 private:
  mutable base::Mutex mutex_;
  std::shared_ptr<const NodeList> list_ GUARDED_BY(mutex_);
  base::Mutex listener_mutex_;
  std::function<void()> listener_ GUARDED_BY(listener_mutex_);
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_NODE_SET_H_
