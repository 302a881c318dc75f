#include "lib/query/series_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include "lib/promql/number_text.h"
#include "lib/promql/printer.h"
#include "lib/protocol/histogram_json.h"
#include "lib/query/json.h"

namespace varve::query {
namespace {

// A line of them stays far below -import.maxLineLen.
constexpr size_t kHistogramsPerLine = 1000;

void AppendInteger(std::string& out, int64_t value) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof(text), value).ptr);
}

// JSON has no names for these; the import of JSON lines reads them back.
void AppendJsonNumber(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "null";
  } else if (std::isinf(value)) {
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else if (value == 0 && std::signbit(value)) {
    // "-0" is an integer to some readers, which lose its sign.
    out += "-0.0";
  } else {
    promql::AppendApiNumber(out, value);
  }
}

void AppendLabelValue(std::string& out, std::string_view value) {
  out.push_back('"');
  for (const char c : value) {
    if (c == '\\' || c == '"') out.push_back('\\');
    if (c == '\n') {
      out += "\\n";
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

std::string Underscored(std::string_view name, bool colons) {
  std::string out(name);
  for (size_t i = 0; i < out.size(); ++i) {
    const char c = out[i];
    const bool letter = c == '_' || (c >= 'a' && c <= 'z') ||
                        (c >= 'A' && c <= 'Z') || (colons && c == ':');
    const bool digit = c >= '0' && c <= '9' && i > 0;
    if (!letter && !digit) out[i] = '_';
  }
  return out;
}

void AppendIdentity(std::string& out, const model::LabelSet& labels,
                    bool allow_utf8) {
  const std::string_view name = labels.Get(model::kMetricName);
  const bool quoted = !name.empty() && !promql::IsPlainMetricName(name);
  if (quoted && !allow_utf8) {
    out += Underscored(name, /*colons=*/true);
  } else if (!quoted) {
    out += name;
  }
  bool first = true;
  auto separate = [&] {
    out.push_back(first ? '{' : ',');
    first = false;
  };
  if (quoted && allow_utf8) {
    separate();
    AppendLabelValue(out, name);
  }
  for (const model::Label& label : labels) {
    if (label.name == model::kMetricName) continue;
    separate();
    if (promql::IsPlainLabelName(label.name)) {
      out += label.name;
    } else if (allow_utf8) {
      AppendLabelValue(out, label.name);
    } else {
      out += Underscored(label.name, /*colons=*/false);
    }
    out.push_back('=');
    AppendLabelValue(out, label.value);
  }
  if (!first) {
    out.push_back('}');
  } else if (name.empty()) {
    out += "{}";
  }
}

}  // namespace

void AppendJsonLines(std::string& out, const cluster::MergedSeries& series,
                     int64_t rows_max) {
  const auto& samples = series.samples;
  const size_t rows =
      rows_max > 0 ? static_cast<size_t>(rows_max) : samples.size();
  for (size_t begin = 0; begin < samples.size(); begin += rows) {
    const size_t end = std::min(samples.size(), begin + rows);
    out += "{\"metric\":";
    AppendJsonLabels(out, series.labels);
    out += ",\"values\":[";
    for (size_t i = begin; i < end; ++i) {
      if (i > begin) out.push_back(',');
      AppendJsonNumber(out, samples.values[i]);
    }
    out += "],\"timestamps\":[";
    for (size_t i = begin; i < end; ++i) {
      if (i > begin) out.push_back(',');
      AppendInteger(out, samples.timestamps_ms[i]);
    }
    out += "]}\n";
  }
}

void AppendHistogramLines(std::string& out,
                          const cluster::MergedSeries& series,
                          int64_t rows_max) {
  const auto& columns = series.histograms;
  const size_t rows =
      rows_max > 0 ? static_cast<size_t>(rows_max) : kHistogramsPerLine;
  for (size_t begin = 0; begin < columns.size(); begin += rows) {
    const size_t end = std::min(columns.size(), begin + rows);
    out += "{\"metric\":";
    AppendJsonLabels(out, series.labels);
    out += ",\"values\":[],\"timestamps\":[],\"histograms\":[";
    for (size_t i = begin; i < end; ++i) {
      out += i == begin ? "[" : ",[";
      AppendInteger(out, columns.timestamps_ms[i]);
      out.push_back(',');
      protocol::AppendHistogramJson(out, columns.histograms[i]);
      out.push_back(']');
    }
    out += "]}\n";
  }
}

void AppendExposition(std::string& out, const cluster::MergedSeries& series) {
  std::string identity;
  AppendIdentity(identity, series.labels, /*allow_utf8=*/true);
  for (size_t i = 0; i < series.samples.size(); ++i) {
    out += identity;
    out.push_back(' ');
    promql::AppendApiNumber(out, series.samples.values[i]);
    out.push_back(' ');
    AppendInteger(out, series.samples.timestamps_ms[i]);
    out.push_back('\n');
  }
}

void AppendFederated(std::string& out, const model::LabelSet& labels,
                     int64_t timestamp_ms, double value, bool allow_utf8) {
  AppendIdentity(out, labels, allow_utf8);
  out.push_back(' ');
  promql::AppendApiNumber(out, value);
  out.push_back(' ');
  AppendInteger(out, timestamp_ms);
  out.push_back('\n');
}

model::LabelSet UnderscoredNames(const model::LabelSet& labels) {
  std::vector<model::Label> plain;
  for (const model::Label& label : labels) {
    const bool is_name = label.name == model::kMetricName;
    plain.push_back(
        {is_name ? label.name : Underscored(label.name, /*colons=*/false),
         is_name ? Underscored(label.value, /*colons=*/true) : label.value});
  }
  return model::LabelSet(std::move(plain));
}

}  // namespace varve::query
