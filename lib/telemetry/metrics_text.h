// Pieces of the Prometheus text format, version 0.0.4.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_TELEMETRY_METRICS_TEXT_H_
#define VARVE_LIB_TELEMETRY_METRICS_TEXT_H_

#include <map>
#include <string>
#include <string_view>

#include "lib/telemetry/metrics.h"

namespace varve::telemetry {

// Families by name, so that `vm_rows` comes before `vm_rows_merged_total`:
// readers take the first line that begins with the name they look for.
struct FamilyText {
  std::string_view type;  // counter, gauge, summary, histogram
  std::string lines;
};
using FamilyTexts = std::map<std::string, FamilyText>;

// `{a="b",c="d"}` with quotes, backslashes and line breaks escaped; "" for no
// labels. `more` is appended as further labels, already in text form.
std::string LabelText(const MetricLabels& labels, std::string_view more = "");

// Shortest text that reads back as the same number.
std::string NumberText(double value);
std::string NumberText(int64_t value);

// Appends `name{labels} number`.
void AppendLine(std::string& out, std::string_view name,
                std::string_view labels, std::string_view number);

// Adds one line to the family `name`.
void AddSample(FamilyTexts& families, const std::string& name,
               std::string_view labels, std::string_view number);

// `counter` for names in _total, `gauge` for others.
std::string_view TypeByName(std::string_view name);

}  // namespace varve::telemetry

#endif  // VARVE_LIB_TELEMETRY_METRICS_TEXT_H_
