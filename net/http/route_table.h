// Finds the route of a path: literal parts before {}, {} before {*}.
//
// A trailing slash matters only where both forms are registered.
//
// Threads: immutable once filled.
#ifndef VARVE_NET_HTTP_ROUTE_TABLE_H_
#define VARVE_NET_HTTP_ROUTE_TABLE_H_

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/http/server.h"

namespace varve::http {

class RouteTable {
 public:
  RouteTable();
  ~RouteTable();

  // InvalidArgument for a pattern without leading slash, {*} before the end,
  // or a pattern that is there already.
  absl::Status Add(const std::string& pattern, size_t route);

  // The route's number, or -1; fills `captures`.
  int64_t Find(std::span<const std::string> parts, bool trailing_slash,
               std::vector<std::string>& captures) const;

 private:
  struct Node;
  static int64_t Walk(const Node& node, std::span<const std::string> parts,
                      bool trailing_slash, std::vector<std::string>& captures);
  std::unique_ptr<Node> root_;
};

}  // namespace varve::http

#endif  // VARVE_NET_HTTP_ROUTE_TABLE_H_
