#include "lib/storenode/repair_routes.h"

#include "absl/strings/str_format.h"
#include "lib/base/json_text.h"
#include "lib/base/strings.h"

namespace varve::storenode {
namespace {

std::string PeerText(const repair::PeerProgress& peer) {
  return base::StrCat("{\"node\":\"", absl::StrFormat("%016x", peer.node_id),
                      "\",\"addr\":", base::JsonText(peer.address),
                      ",\"member\":", peer.is_member ? "true" : "false",
                      ",\"slots\":", peer.slots, ",\"rows\":", peer.rows,
                      ",\"error\":", base::JsonText(peer.error), "}");
}

}  // namespace

std::string RebalanceText(const repair::ProgressView& view) {
  std::string text = base::StrCat(
      "{\"status\":\"ok\",\"state\":\"", view.running ? "running" : "idle",
      "\",\"passes\":", view.passes,
      ",\"lastPassComplete\":", view.complete ? "true" : "false",
      ",\"lastPassBeginMs\":", view.began_ms,
      ",\"lastPassEndMs\":", view.ended_ms,
      ",\"pendingParts\":", view.pending_parts, ",\"rows\":", view.rows,
      ",\"droppedRows\":", view.dropped_rows, ",\"bytes\":", view.bytes,
      ",\"errors\":", view.errors, ",\"nodes\":[");
  for (const repair::PeerProgress& peer : view.peers) {
    if (text.back() != '[') text += ',';
    base::StrAppend(&text, "\n", PeerText(peer));
  }
  return text + "\n]}";
}

std::vector<http::Route> RepairRoutes(repair::RepairProgress* progress,
                                      const std::string* auth_key) {
  std::vector<http::Route> routes;
  routes.push_back({.pattern = "/internal/rebalance",
                    .auth_key = auth_key,
                    .handler = [progress](const http::Request&,
                                          http::ResponseWriter& writer) {
                      writer.Send(200, "application/json",
                                  RebalanceText(progress->View()));
                    }});
  routes.push_back({.pattern = "/internal/force_repair",
                    .auth_key = auth_key,
                    .handler = [progress](const http::Request&,
                                          http::ResponseWriter& writer) {
                      progress->Force();
                      writer.Send(200, "text/plain", "");
                    }});
  return routes;
}

}  // namespace varve::storenode
