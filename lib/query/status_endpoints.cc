// What the node is doing: active queries, and how to end one; top queries.
#include <algorithm>
#include <charconv>

#include "absl/strings/str_format.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/query/arguments.h"
#include "lib/query/json.h"
#include "lib/query/select_api.h"

namespace varve::query {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr int64_t kDefaultTop = 20;
constexpr int64_t kTopMax = 1000;
constexpr int64_t kDefaultLifetimeMs = 600'000;

// 0:0 for what has no numbers.
model::TenantId NumbersOf(const QueryTenants& tenants) {
  const bool numeric = !tenants.several() && tenants.one().id.kind == 0;
  return numeric ? tenants.one().id : model::TenantId();
}

// What named or several tenants have instead of numbers.
void AppendTenantText(std::string& out, const QueryTenants& tenants) {
  if (tenants.all || (!tenants.several() && tenants.one().id.kind == 0)) return;
  out += ",\"tenant\":";
  AppendJsonString(out, tenants.Text());
}

void AppendActive(std::string& out, const ActiveQuery& one) {
  absl::StrAppendFormat(
      &out,
      "{\"duration\":\"%.3fs\",\"id\":\"%016X\",\"remote_addr\":",
      static_cast<double>(one.running_ms) / 1000, one.id);
  AppendJsonString(out, one.remote_addr);
  const model::TenantId numbers = NumbersOf(one.tenants);
  base::StrAppend(&out, ",\"account_id\":\"", numbers.account_id(),
                  "\",\"project_id\":\"", numbers.project_id(), "\"");
  AppendTenantText(out, one.tenants);
  out += ",\"query\":";
  AppendJsonString(out, one.text.query);
  base::StrAppend(&out, ",\"start\":", one.text.range.start_ms,
                  ",\"end\":", one.text.range.end_ms,
                  ",\"step\":", one.text.step_ms, ",\"is_multitenant\":",
                  one.tenants.several() ? "true" : "false", "}");
}

// The `top` largest by `key`, as a list; `append` adds what they are sorted
// by.
template <typename Key, typename Append>
void AppendTop(std::string& out, std::string_view name,
               std::vector<QuerySummary> all, size_t top, const Key& key,
               const Append& append) {
  std::stable_sort(
      all.begin(), all.end(),
      [&](const auto& a, const auto& b) { return key(a) > key(b); });
  if (all.size() > top) all.resize(top);
  base::StrAppend(&out, ",\"", name, "\":[");
  for (size_t i = 0; i < all.size(); ++i) {
    const QuerySummary& one = all[i];
    const model::TenantId numbers = NumbersOf(one.query.tenants);
    base::StrAppend(&out, i == 0 ? "{" : ",{", "\"accountID\":",
                    numbers.account_id(),
                    ",\"projectID\":", numbers.project_id());
    AppendTenantText(out, one.query.tenants);
    out += ",\"query\":";
    AppendJsonString(out, one.query.query);
    base::StrAppend(&out, ",\"timeRangeSeconds\":", one.query.range_s);
    append(out, one);
    base::StrAppend(&out, ",\"count\":", one.count, ",\"multiTenant\":",
                    one.query.tenants.several() ? "true" : "false", "}");
  }
  out += "]";
}

}  // namespace

absl::Status SelectApi::ListActiveQueries(Context& context) {
  std::string out = "{\"status\":\"ok\",\"data\":[";
  bool first = true;
  const std::string filters = FiltersText(context.request);
  for (const ActiveQuery& one : active_.List()) {
    if (!context.MayKnow(filters, one.tenants, one.text.filters)) {
      continue;
    }
    if (!first) out.push_back(',');
    first = false;
    AppendActive(out, one);
  }
  out += "]}";
  context.writer.Send(200, kJson, out);
  return absl::OkStatus();
}

absl::Status SelectApi::CancelQuery(Context& context) {
  if (context.request.method != "POST") {
    context.writer.SetHeader("Allow", "POST");
    context.writer.Send(405, kJson,
                        ErrorJson(405, base::StrCat(
                                           "canceling a query takes a POST "
                                           "request, not ",
                                           context.request.method)));
    return absl::OkStatus();
  }
  const std::string_view text = context.request.Argument("id");
  uint64_t id = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, id, 16);
  if (text.empty() || error != std::errc() || stop != end) {
    return base::InvalidArgument(
        "invalid value \"", text,
        "\" of the argument `id`: expected the `id` of status/active_queries");
  }
  const std::string filters = FiltersText(context.request);
  for (const ActiveQuery& one : active_.List()) {
    if (one.id != id) continue;
    if (!context.MayKnow(filters, one.tenants, one.text.filters)) {
      break;
    }
    if (!active_.Cancel(id)) break;
    base::LogInfo("canceled the query \"", one.text.query, "\" of ",
                  one.remote_addr, ", as ", context.request.remote_addr,
                  " asked");
    context.writer.Send(200, kJson, "{\"status\":\"success\"}");
    return absl::OkStatus();
  }
  context.writer.Send(
      404, kJson, ErrorJson(404, base::StrCat("no query with the id ", text,
                                              " is running")));
  return absl::OkStatus();
}

absl::Status SelectApi::ListTopQueries(Context& context) {
  ASSIGN_OR_RETURN(int64_t top,
                   IntArgument(context.request, "topN", kDefaultTop));
  top = std::clamp<int64_t>(top, 1, kTopMax);
  ASSIGN_OR_RETURN(
      const int64_t lifetime_ms,
      DurationArgument(context.request, "maxLifetime", kDefaultLifetimeMs));
  const std::string filters = FiltersText(context.request);
  const auto all = top_.Summaries(context.steady_start_ms - lifetime_ms,
                                  [&](const RanQuery& one) {
                                    return context.MayKnow(
                                        filters, one.tenants, one.filters);
                                  });
  const auto n = static_cast<size_t>(top);
  const TopQueriesOptions& kept = top_.options();
  std::string out = base::StrCat(
      "{\"topN\":\"", top, "\",\"maxLifetime\":\"", lifetime_ms / 1000,
      "s\",\"search.queryStats.lastQueriesCount\":", kept.queries_max,
      ",\"search.queryStats.minQueryDuration\":\"", kept.duration_ms_min,
      "ms\",\"search.queryStats.minQueryMemoryUsage\":\"",
      kept.memory_bytes_min, "\"");
  const auto average_s = [](const QuerySummary& one) {
    return one.sum_duration_s / static_cast<double>(one.count);
  };
  const auto average_bytes = [](const QuerySummary& one) {
    return one.sum_memory_bytes / static_cast<double>(one.count);
  };
  AppendTop(
      out, "topByCount", all, n,
      [](const QuerySummary& one) { return one.count; },
      [](std::string&, const QuerySummary&) {});
  AppendTop(out, "topByAvgDuration", all, n, average_s,
            [&](std::string& to, const QuerySummary& one) {
              absl::StrAppendFormat(&to, ",\"avgDurationSeconds\":%.3f",
                                    average_s(one));
            });
  AppendTop(
      out, "topBySumDuration", all, n,
      [](const QuerySummary& one) { return one.sum_duration_s; },
      [](std::string& to, const QuerySummary& one) {
        absl::StrAppendFormat(&to, ",\"sumDurationSeconds\":%.3f",
                              one.sum_duration_s);
      });
  AppendTop(out, "topByAvgMemoryUsage", all, n, average_bytes,
            [&](std::string& to, const QuerySummary& one) {
              absl::StrAppendFormat(&to, ",\"avgMemoryBytes\":%.0f",
                                    average_bytes(one));
            });
  out += "}";
  context.writer.Send(200, kJson, out);
  return absl::OkStatus();
}

}  // namespace varve::query
