// delete_series: the one endpoint of the select role that changes data.
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/query/arguments.h"
#include "lib/query/cluster_source.h"
#include "lib/query/select_api.h"

namespace varve::query {

absl::Status SelectApi::DeleteSeries(Context& context) {
  if (context.request.method != "POST" && context.request.method != "PUT") {
    context.writer.SetHeader("Allow", "POST, PUT");
    context.writer.Send(
        405, "application/json",
        ErrorJson(405, base::StrCat("delete_series deletes data: it takes "
                                    "POST and PUT requests, not ",
                                    context.request.method)));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const cluster::ReadRequest base,
                   BaseRequest(context, options_.max_delete_duration));
  cluster::DeleteCommand command;
  command.tenant = base.tenant;
  command.tenant_name = base.tenant_name;
  command.deadline_steady_ms = base.deadline_steady_ms;
  command.series_max = options_.max_delete_series;
  ASSIGN_OR_RETURN(auto groups, Selectors(context));
  if (groups.empty()) return base::InvalidArgument("missing `match[]` arg");
  ASSIGN_OR_RETURN(const auto filters, ExtraFilters(context));
  ASSIGN_OR_RETURN(command.matcher_groups,
                   WithFilters(std::move(groups), filters));
  ASSIGN_OR_RETURN(command.range.start_ms,
                   TimeArgument(context.request, "start", context.now_ms,
                                command.range.start_ms));
  ASSIGN_OR_RETURN(command.range.end_ms,
                   TimeArgument(context.request, "end", context.now_ms,
                                command.range.end_ms));
  if (command.range.start_ms > command.range.end_ms) {
    return base::InvalidArgument("`start` ", command.range.start_ms,
                                 " ms is after `end` ", command.range.end_ms,
                                 " ms");
  }
  ASSIGN_OR_RETURN(const int64_t series, context.reader->Delete(command));
  base::LogInfo("deleted ", series, " copies of series of tenant ",
                context.tenants.Text(), " on all storage nodes, by ",
                context.request.remote_addr);
  context.writer.Send(204, "", "");
  return absl::OkStatus();
}

}  // namespace varve::query
