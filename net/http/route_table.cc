#include "net/http/route_table.h"

#include "lib/base/status.h"
#include "lib/base/strings.h"

namespace varve::http {

struct RouteTable::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> any_part;  // {}
  int64_t here = -1;               // ends here
  int64_t here_with_slash = -1;    // ends here, a slash behind
  int64_t rest = -1;               // {*}
};

RouteTable::RouteTable() : root_(std::make_unique<Node>()) {}
RouteTable::~RouteTable() = default;

absl::Status RouteTable::Add(const std::string& pattern, size_t route) {
  if (pattern.empty() || pattern.front() != '/') {
    return base::InvalidArgument("route \"", pattern,
                                 "\" does not begin with /");
  }
  Node* node = root_.get();
  std::string_view left = std::string_view(pattern).substr(1);
  int64_t* end = &node->here;
  while (!left.empty()) {
    const size_t slash = left.find('/');
    const std::string part(left.substr(0, slash));
    const bool last = slash == std::string_view::npos;
    left.remove_prefix(last ? left.size() : slash + 1);
    if (part == "{*}") {
      if (!last) {
        return base::InvalidArgument("route \"", pattern,
                                     "\": {*} before the end");
      }
      end = &node->rest;
      break;
    }
    std::unique_ptr<Node>& next =
        part == "{}" ? node->any_part : node->literals[part];
    if (!next) next = std::make_unique<Node>();
    node = next.get();
    end = !last && left.empty() ? &node->here_with_slash : &node->here;
  }
  if (*end >= 0) {
    return base::InvalidArgument("route \"", pattern, "\" is there twice");
  }
  *end = static_cast<int64_t>(route);
  return absl::OkStatus();
}

int64_t RouteTable::Walk(const Node& node, std::span<const std::string> parts,
                         bool trailing_slash,
                         std::vector<std::string>& captures) {
  if (parts.empty()) {
    const int64_t first = trailing_slash ? node.here_with_slash : node.here;
    const int64_t second = trailing_slash ? node.here : node.here_with_slash;
    if (first >= 0) return first;
    if (second >= 0) return second;
  } else {
    const size_t captured = captures.size();
    const auto literal = node.literals.find(parts.front());
    if (literal != node.literals.end()) {
      const int64_t found = Walk(*literal->second, parts.subspan(1),
                                 trailing_slash, captures);
      if (found >= 0) return found;
      captures.resize(captured);
    }
    if (node.any_part) {
      captures.push_back(parts.front());
      const int64_t found =
          Walk(*node.any_part, parts.subspan(1), trailing_slash, captures);
      if (found >= 0) return found;
      captures.resize(captured);
    }
  }
  if (node.rest >= 0) {
    std::string rest;
    for (const std::string& part : parts) {
      base::StrAppend(&rest, rest.empty() ? "" : "/", part);
    }
    if (trailing_slash && !rest.empty()) rest += '/';
    captures.push_back(std::move(rest));
  }
  return node.rest;
}

int64_t RouteTable::Find(std::span<const std::string> parts,
                         bool trailing_slash,
                         std::vector<std::string>& captures) const {
  captures.clear();
  return Walk(*root_, parts, trailing_slash, captures);
}

}  // namespace varve::http
