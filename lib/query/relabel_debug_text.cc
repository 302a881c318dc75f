// The steps of relabeling as JSON and as a page.
#include <algorithm>

#include "lib/base/status.h"
#include "lib/query/json.h"
#include "lib/query/relabel_debug.h"

namespace varve::query {
namespace {

constexpr std::string_view kGone = "#D15757";
constexpr std::string_view kCame = "#4495e0";

void AppendHtml(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out.push_back(c);
    }
  }
}

// `text`, marked when `labels` do not have this label with this value.
void AppendMarked(std::string& out, const model::Label& label,
                  std::string_view text, const relabel::Labels* others,
                  std::string_view color) {
  const bool marked =
      others != nullptr &&
      std::find(others->begin(), others->end(), label) == others->end();
  if (marked) {
    base::StrAppend(&out, "<span style=\"font-weight:bold;color:", color,
                    "\">");
  }
  AppendHtml(out, text);
  if (marked) out += "</span>";
}

// up{job="x", z="y"} in HTML; labels that `others` lack are marked.
std::string LabelsHtml(relabel::Labels labels, const relabel::Labels* others,
                       std::string_view color) {
  std::sort(labels.begin(), labels.end());
  std::string out;
  const auto name = std::find_if(
      labels.begin(), labels.end(), [](const model::Label& label) {
        return label.name == model::kMetricName && !label.value.empty();
      });
  if (name != labels.end()) {
    AppendMarked(out, *name, name->value, others, color);
    labels.erase(name);
    if (labels.empty()) return out;
  }
  out.push_back('{');
  bool first = true;
  for (const model::Label& label : labels) {
    if (!first) out += ", ";
    first = false;
    std::string text = label.name + "=";
    AppendJsonString(text, label.value);
    AppendMarked(out, label, text, others, color);
  }
  out.push_back('}');
  return out;
}

std::string ErrorText(const absl::Status& status) {
  return base::StrCat("Error: ", base::Message(status));
}

void AppendTable(std::string& out, const RelabelSteps& result) {
  base::StrAppend(&out, "<p><b>Original labels:</b> <samp>",
                  LabelsHtml(result.in, nullptr, {}),
                  "</samp></p>\n<table>\n<tr><th>Step</th><th>Rule</th>"
                  "<th>Input labels</th><th>Output labels</th></tr>\n");
  size_t number = 0;
  for (const relabel::RuleSet::Step& step : result.steps) {
    base::StrAppend(&out, "<tr><td>", number++, "</td><td><pre>");
    AppendHtml(out, step.rule);
    base::StrAppend(&out, "</pre></td><td>",
                    LabelsHtml(step.in, &step.out, kGone), "</td><td>",
                    LabelsHtml(step.out, &step.in, kCame), "</td></tr>\n");
  }
  base::StrAppend(&out, "</table>\n<p><b>Resulting labels:</b> <samp>",
                  LabelsHtml(result.out, nullptr, {}), "</samp></p>\n");
  if (result.target_url.empty()) return;
  out += "<p><b>Target URL:</b> ";
  AppendHtml(out, result.target_url);
  out += "</p>\n";
}

}  // namespace

std::string RelabelStepsJson(const absl::StatusOr<RelabelSteps>& result) {
  std::string out;
  if (!result.ok()) {
    out = "{\"status\":\"error\",\"error\":";
    AppendJsonString(out, ErrorText(result.status()));
    return out + "}";
  }
  const auto member = [&out](std::string_view name, std::string_view text) {
    base::StrAppend(&out, "\"", name, "\":");
    AppendJsonString(out, text);
  };
  out = "{\"status\":\"success\",\"steps\":[";
  for (const relabel::RuleSet::Step& step : result->steps) {
    if (&step != &result->steps.front()) out.push_back(',');
    out.push_back('{');
    member("inLabels", LabelsHtml(step.in, &step.out, kGone));
    out.push_back(',');
    member("outLabels", LabelsHtml(step.out, &step.in, kCame));
    out.push_back(',');
    member("rule", step.rule);
    out += ",\"errors\":{}}";
  }
  out += "],";
  member("originalLabels", LabelsHtml(result->in, nullptr, {}));
  out.push_back(',');
  member("resultingLabels", LabelsHtml(result->out, nullptr, {}));
  return out + "}";
}

std::string RelabelStepsPage(const absl::StatusOr<RelabelSteps>& result,
                             std::string_view metric, std::string_view rules) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<title>Relabel debug</title><style>"
      "body{font-family:sans-serif;margin:1em}"
      "textarea{width:100%;font-family:monospace}"
      "table{border-collapse:collapse}"
      "td,th{border:1px solid #ccc;padding:.3em;text-align:left;"
      "vertical-align:top}</style></head><body>\n"
      "<form method=\"POST\"><p>Rules:<br><textarea name=\"relabel_configs\" "
      "rows=\"15\">\n";
  AppendHtml(out, rules);
  out +=
      "</textarea></p><p>Labels:<br><textarea name=\"metric\" rows=\"5\" "
      "placeholder=\"up{job=&quot;name&quot;,instance=&quot;host:port&quot;}\""
      ">\n";
  AppendHtml(out, metric);
  out +=
      "</textarea></p><p><input type=\"submit\" value=\"Submit\"></p>"
      "</form>\n";
  if (result.ok()) {
    AppendTable(out, *result);
  } else {
    out += "<p style=\"color:red\">";
    AppendHtml(out, ErrorText(result.status()));
    out += "</p>\n";
  }
  return out + "</body></html>\n";
}

}  // namespace varve::query
