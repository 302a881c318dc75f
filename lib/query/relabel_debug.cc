#include "lib/query/relabel_debug.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "lib/base/status.h"
#include "lib/promql/parser.h"
#include "lib/query/tenant_path.h"

namespace varve::query {
namespace {

constexpr size_t kWrittenBytesMax = 64 << 10;

absl::StatusOr<relabel::Labels> ParseMetric(std::string_view text) {
  std::string metric(
      absl::StripAsciiWhitespace(absl::string_view(text.data(), text.size())));
  if (metric.find('{') == metric.npos && metric.find('=') != metric.npos) {
    metric = base::StrCat("{", metric, "}");
  }
  if (metric.empty()) metric = "{}";
  ASSIGN_OR_RETURN(const model::Matchers matchers,
                   promql::ParseSelector(metric, /*allow_match_all=*/true));
  relabel::Labels labels;
  for (const model::Matcher& matcher : matchers) {
    if (matcher.type != model::MatchType::kEqual) {
      return base::InvalidArgument(matcher.Text(), " is no label of a metric");
    }
    labels.push_back({matcher.name, matcher.value});
  }
  return labels;
}

void AddStep(std::string rule, relabel::Labels labels, RelabelSteps& result) {
  if (labels == result.out) return;
  result.steps.push_back({std::move(rule), result.out, labels});
  result.out = std::move(labels);
}

std::string PercentEncoded(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) ||
        std::string_view("-._~").find(c) != std::string_view::npos) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  return out;
}

// As Prometheus and vmagent make it of __scheme__, __address__,
// __metrics_path__ and __param_<name>; the address may have all of it.
std::string TargetUrl(const relabel::Labels& labels) {
  const auto value_or = [&labels](std::string_view name,
                                  std::string_view otherwise) {
    const std::string_view value = relabel::ValueOf(labels, name);
    return value.empty() ? otherwise : value;
  };
  std::string_view scheme = value_or("__scheme__", "http");
  std::string_view path = value_or("__metrics_path__", "/metrics");
  std::string_view address = value_or("__address__", "");
  if (address.empty()) return {};
  for (const std::string_view one : {"http", "https"}) {
    if (!address.starts_with(base::StrCat(one, "://"))) continue;
    scheme = one;
    address.remove_prefix(one.size() + 3);
  }
  const size_t slash = address.find('/');
  if (slash != address.npos) path = address.substr(slash);
  std::string url = base::StrCat(scheme, "://", address.substr(0, slash),
                                 path.starts_with('/') ? "" : "/", path);
  char separator = path.find('?') == path.npos ? '?' : '&';
  constexpr std::string_view kParameter = "__param_";
  relabel::Labels sorted = labels;
  std::sort(sorted.begin(), sorted.end());
  for (const model::Label& label : sorted) {
    if (!label.name.starts_with(kParameter)) continue;
    base::StrAppend(&url, std::string(1, separator),
                    PercentEncoded(label.name.substr(kParameter.size())), "=",
                    PercentEncoded(label.value));
    separator = '&';
  }
  return url;
}

void FinishTarget(RelabelSteps& result) {
  relabel::Labels labels = result.out;
  const std::string address(relabel::ValueOf(labels, "__address__"));
  if (relabel::ValueOf(labels, "instance").empty() && !address.empty()) {
    labels.push_back({"instance", address});
    AddStep("add missing instance label from __address__ label", labels,
            result);
  }
  result.target_url = TargetUrl(labels);
  std::erase_if(labels, [](const model::Label& label) {
    return label.name.starts_with("__");
  });
  AddStep("remove labels with __ prefix", std::move(labels), result);
}

http::Handler Handler(RelabelSubject subject, bool has_tenant) {
  return [subject, has_tenant](const http::Request& request,
                               http::ResponseWriter& writer) {
    // There is no data of a tenant in it; all of them may be named.
    absl::Status status;
    if (!has_tenant) {
      status = TenantsOfHeaders(request).status();
    } else if (request.captures[0] != "multitenant") {
      status = TenantOfPath(request.captures[0], request.path).status();
    }
    if (!status.ok()) {
      writer.Send(400, "text/plain; charset=utf-8",
                  base::StrCat(base::Message(status), "\n"));
      return;
    }
    const std::string_view metric = request.Argument("metric");
    const std::string_view rules = request.Argument("relabel_configs");
    const auto result = ExplainRelabeling(subject, metric, rules);
    if (request.Argument("format") == "json") {
      writer.Send(200, "application/json", RelabelStepsJson(result));
    } else {
      writer.Send(200, "text/html; charset=utf-8",
                  RelabelStepsPage(result, metric, rules));
    }
  };
}

}  // namespace

absl::StatusOr<RelabelSteps> ExplainRelabeling(RelabelSubject subject,
                                               std::string_view metric,
                                               std::string_view rules) {
  if (metric.size() > kDebugTextBytesMax || rules.size() > kDebugTextBytesMax) {
    return base::InvalidArgument("a text of over ", kDebugTextBytesMax,
                                 " bytes");
  }
  RelabelSteps result;
  auto labels = ParseMetric(metric);
  if (!labels.ok()) {
    return base::Annotate(labels.status(), "cannot parse metric");
  }
  const auto set = relabel::RuleSet::Parse(rules, relabel::kRequestLimits);
  if (!set.ok()) {
    return base::Annotate(set.status(), "cannot parse relabel configs");
  }
  result.in = *labels;
  result.steps = set->Explain(result.in, kWrittenBytesMax);
  result.out = result.steps.empty() ? result.in : result.steps.back().out;
  if (subject == RelabelSubject::kTarget) {
    FinishTarget(result);
  } else {
    relabel::Labels left = result.out;
    relabel::RemoveInternalLabels(left);
    AddStep("remove labels with __ prefix except of __name__", std::move(left),
            result);
  }
  return result;
}

std::vector<http::Route> RelabelDebugRoutes(bool from_root) {
  struct Place {
    std::string_view prefix;
    bool has_tenant;
  };
  std::vector<Place> places = {{"/select/{}/prometheus/", true},
                               {"/select/{}/", true},
                               {"/select/prometheus/", false},
                               {"/select/", false}};
  if (from_root) {
    places.push_back({"/prometheus/", false});
    places.push_back({"/", false});
  }
  std::vector<http::Route> routes;
  for (const Place& place : places) {
    for (const RelabelSubject subject :
         {RelabelSubject::kMetric, RelabelSubject::kTarget}) {
      const std::string_view name = subject == RelabelSubject::kMetric
                                        ? "metric-relabel-debug"
                                        : "target-relabel-debug";
      http::Route route;
      route.pattern = base::StrCat(place.prefix, name);
      route.label = base::StrCat("/select/{}/prometheus/", name);
      // Both texts, each byte percent-encoded.
      route.body_bytes_max = 8 * int64_t{kDebugTextBytesMax};
      route.handler = Handler(subject, place.has_tenant);
      routes.push_back(std::move(route));
    }
  }
  return routes;
}

}  // namespace varve::query
