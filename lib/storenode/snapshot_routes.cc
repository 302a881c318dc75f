#include "lib/storenode/snapshot_routes.h"

#include "lib/base/json_text.h"
#include "lib/base/log.h"
#include "lib/base/status.h"

namespace varve::storenode {
namespace {

constexpr std::string_view kJson = "application/json";

// Backup tools look for 200 and show the text of anything else.
int HttpStatusOf(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) return 507;  // the disk is full
  if (absl::IsUnavailable(status)) return 503;
  return 500;
}

void SendError(http::ResponseWriter& writer, const absl::Status& status) {
  base::LogWarn("snapshot: ", base::Message(status));
  writer.Send(HttpStatusOf(status), kJson,
              base::StrCat("{\"status\":\"error\",\"msg\":",
                           base::JsonText(base::Message(status)), "}"));
}

void Create(storage::Engine& engine, http::ResponseWriter& writer) {
  const absl::StatusOr<std::string> name = engine.CreateSnapshot();
  if (!name.ok()) return SendError(writer, name.status());
  if (writer.client_gone()) {
    base::LogWarn("the client that asked for the snapshot ", *name,
                  " has gone: it is removed");
    const absl::Status status = engine.DeleteSnapshot(*name);
    if (!status.ok()) base::LogError("snapshot: ", base::Message(status));
  }
  writer.Send(200, kJson,
              base::StrCat("{\"status\":\"ok\",\"snapshot\":\"", *name, "\"}"));
}

void List(storage::Engine& engine, http::ResponseWriter& writer) {
  const absl::StatusOr<std::vector<std::string>> names = engine.ListSnapshots();
  if (!names.ok()) return SendError(writer, names.status());
  std::string text = "{\"status\":\"ok\",\"snapshots\":[";
  for (const std::string& name : *names) {
    if (text.back() != '[') text += ',';
    base::StrAppend(&text, "\n\"", name, "\"");
  }
  writer.Send(200, kJson, text + "\n]}");
}

void Delete(storage::Engine& engine, const http::Request& request,
            http::ResponseWriter& writer) {
  const std::string name(request.Argument("snapshot"));
  const absl::Status status =
      name.empty() ? base::InvalidArgument("missing the argument `snapshot`")
                   : engine.DeleteSnapshot(name);
  if (!status.ok()) return SendError(writer, status);
  writer.Send(200, kJson, "{\"status\":\"ok\"}");
}

void DeleteAll(storage::Engine& engine, http::ResponseWriter& writer) {
  const absl::StatusOr<std::vector<std::string>> names = engine.ListSnapshots();
  if (!names.ok()) return SendError(writer, names.status());
  for (const std::string& name : *names) {
    const absl::Status status = engine.DeleteSnapshot(name);
    // Somebody else's delete may have come first.
    if (!status.ok() && !absl::IsNotFound(status)) {
      return SendError(writer, status);
    }
  }
  writer.Send(200, kJson, "{\"status\":\"ok\"}");
}

}  // namespace

std::vector<http::Route> SnapshotRoutes(storage::Engine* engine,
                                        const std::string* auth_key) {
  const auto route = [&](const char* pattern, http::Handler handler) {
    return http::Route{.pattern = pattern,
                       .label = {},
                       .auth_key = auth_key,
                       .limit_flag = {},
                       .handler = std::move(handler)};
  };
  return {
      route("/snapshot/create",
            [engine](const http::Request&, http::ResponseWriter& writer) {
              Create(*engine, writer);
            }),
      route("/snapshot/list",
            [engine](const http::Request&, http::ResponseWriter& writer) {
              List(*engine, writer);
            }),
      route(
          "/snapshot/delete",
          [engine](const http::Request& request, http::ResponseWriter& writer) {
            Delete(*engine, request, writer);
          }),
      route("/snapshot/delete_all",
            [engine](const http::Request&, http::ResponseWriter& writer) {
              DeleteAll(*engine, writer);
            }),
  };
}

}  // namespace varve::storenode
