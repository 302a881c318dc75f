// The flags that say which storage nodes there are and how to reach them; the
// same on insert and select.
//
// Threads: immutable once the flags are parsed.
#ifndef VARVE_LIB_CLUSTER_NODE_FLAGS_H_
#define VARVE_LIB_CLUSTER_NODE_FLAGS_H_

#include "lib/base/flags.h"
#include "lib/cluster/dial_nodes.h"

namespace varve::cluster {

class NodeFlags {
 public:
  NodeFlags(base::FlagSet& flags, int default_port);
  // For a process that holds all roles: taken, without effect.
  static void AcceptOnly(base::FlagSet& flags);

  bool empty() const { return nodes_.value().empty(); }
  // What is not a flag is left as it was.
  void Fill(DialNodesOptions& options) const;

 private:
  const int default_port_;
  const base::ListFlag& nodes_;
  const base::DurationFlag& discovery_interval_;
  const base::StringFlag& filter_;
  const base::DurationFlag& dial_timeout_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_NODE_FLAGS_H_
