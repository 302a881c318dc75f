#include "lib/cluster/node_flags.h"

#include "lib/base/strings.h"

namespace varve::cluster {

NodeFlags::NodeFlags(base::FlagSet& flags, int default_port)
    : default_port_(default_port),
      nodes_(flags.List(
          "storageNode", "",
          base::StrCat("Storage nodes: host:port (port ", default_port,
                       " by default), srv+name, dns+host:port or file:path, "
                       "each maybe behind group/; repeated or separated by "
                       "commas"))),
      discovery_interval_(flags.Duration(
          "storageNode.discoveryInterval", "2s",
          "How often the files and DNS names of -storageNode are looked at")),
      filter_(flags.String(
          "storageNode.filter", "",
          "Regular expression: of the addresses found by file or DNS only "
          "those that it matches are used; it matches anywhere in them")),
      dial_timeout_(flags.Duration(
          "vmstorageDialTimeout", "3s",
          "How long a connection to a storage node may take to come up")) {}

void NodeFlags::AcceptOnly(base::FlagSet& flags) {
  for (const char* name : {"storageNode.discoveryInterval",
                           "storageNode.filter", "vmstorageDialTimeout"}) {
    flags.Accept(name, "Accepted, without effect");
  }
}

void NodeFlags::Fill(DialNodesOptions& options) const {
  options.nodes = nodes_.value();
  options.default_port = default_port_;
  options.dial.timeout = dial_timeout_.value();
  options.discovery_interval = discovery_interval_.value();
  options.filter = filter_.value();
}

}  // namespace varve::cluster
