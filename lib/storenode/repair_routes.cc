#include "lib/storenode/repair_routes.h"

#include "absl/strings/str_format.h"
#include "lib/base/json_text.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"

namespace varve::storenode {
namespace {

constexpr std::string_view kJson = "application/json";

std::string PeerText(const repair::PeerProgress& peer) {
  return base::StrCat("{\"node\":\"", absl::StrFormat("%016x", peer.node_id),
                      "\",\"addr\":", base::JsonText(peer.address),
                      ",\"member\":", peer.is_member ? "true" : "false",
                      ",\"slots\":", peer.slots, ",\"rows\":", peer.rows,
                      ",\"error\":", base::JsonText(peer.error), "}");
}

int HttpStatusOf(const absl::Status& status) {
  if (absl::IsInvalidArgument(status)) return 400;
  if (absl::IsNotFound(status)) return 404;
  if (absl::IsFailedPrecondition(status)) return 409;
  return absl::IsUnavailable(status) ? 503 : 500;
}

void Forget(const ForgetParts& parts, const http::Request& request,
            http::ResponseWriter& writer) {
  const auto forgotten = ForgetNode(parts, request.Argument("node"),
                                    request.Argument("force") == "1");
  if (!forgotten.ok()) {
    return writer.Send(
        HttpStatusOf(forgotten.status()), kJson,
        base::StrCat("{\"status\":\"error\",\"msg\":",
                     base::JsonText(base::Message(forgotten.status())), "}"));
  }
  std::string text = "{\"status\":\"ok\",\"nodes\":[";
  for (const ForgottenNode& one : *forgotten) {
    if (text.back() != '[') text += ',';
    base::StrAppend(&text, "\n{\"node\":\"",
                    absl::StrFormat("%016x", one.node_id),
                    "\",\"addr\":", base::JsonText(one.address),
                    ",\"missedRecords\":", one.missed_records,
                    ",\"hintBytes\":", one.hint_bytes, "}");
  }
  writer.Send(200, kJson, text + "\n]}");
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
                                      const ForgetParts& parts,
                                      const std::string* auth_key) {
  std::vector<http::Route> routes;
  routes.push_back({.pattern = "/internal/rebalance",
                    .auth_key = auth_key,
                    .handler = [progress](const http::Request&,
                                          http::ResponseWriter& writer) {
                      writer.Send(200, kJson,
                                  RebalanceText(progress->View()));
                    }});
  routes.push_back({.pattern = "/internal/force_repair",
                    .auth_key = auth_key,
                    .handler = [progress](const http::Request&,
                                          http::ResponseWriter& writer) {
                      progress->Force();
                      writer.Send(200, "text/plain", "");
                    }});
  routes.push_back({.pattern = "/internal/cluster/forget",
                    .auth_key = auth_key,
                    .handler = [parts](const http::Request& request,
                                       http::ResponseWriter& writer) {
                      Forget(parts, request, writer);
                    }});
  return routes;
}

}  // namespace varve::storenode
