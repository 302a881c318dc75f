#include "lib/graphite/functions.h"

#include <algorithm>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "lib/base/status.h"

namespace varve::graphite {

std::string NumberText(double value) { return absl::StrFormat("%g", value); }

absl::Status Alias(Call& call, Series& series, std::string name) {
  if (name.size() > kNameBytesMax) {
    return base::ResourceExhausted(call.name(), " makes a name of ",
                                   name.size(), " bytes; the maximum is ",
                                   kNameBytesMax);
  }
  if (name.size() > series.name.size()) {
    RETURN_IF_ERROR(call.host().Charge(
        static_cast<int64_t>(name.size() - series.name.size())));
  }
  series.name = std::move(name);
  return absl::OkStatus();
}

absl::Status Rename(Call& call, Series& series, std::string name) {
  RETURN_IF_ERROR(Alias(call, series, std::move(name)));
  if (series.name.size() > series.path.size()) {
    RETURN_IF_ERROR(call.host().Charge(
        static_cast<int64_t>(series.name.size() - series.path.size())));
  }
  series.path = series.name;
  return absl::OkStatus();
}

std::string PathsText(const SeriesList& series, size_t bytes_max) {
  std::string out;
  std::set<std::string_view> seen;
  for (const Series& one : series) {
    if (!seen.insert(one.path).second) continue;
    if (!out.empty() && out.size() + one.path.size() >= bytes_max) {
      return out + ",…";
    }
    base::StrAppend(&out, out.empty() ? "" : ",", one.path);
  }
  return out;
}

absl::Status Align(Call& call, SeriesList& series) {
  if (series.empty()) return absl::OkStatus();
  Grid grid{series[0].start_ms, series[0].end_ms(), series[0].step_ms};
  for (const Series& one : series) {
    grid.start_ms = std::min(grid.start_ms, one.start_ms);
    grid.end_ms = std::max(grid.end_ms, one.end_ms());
    grid.step_ms = std::max(grid.step_ms, one.step_ms);
  }
  for (Series& one : series) {
    if (one.start_ms == grid.start_ms && one.step_ms == grid.step_ms &&
        one.values.size() == grid.points()) {
      continue;
    }
    RETURN_IF_ERROR(call.host().CheckAlive());
    RETURN_IF_ERROR(call.host().Charge(
        static_cast<int64_t>(grid.points() * sizeof(double))));
    one.values = Consolidate(one, grid, one.consolidation);
    one.start_ms = grid.start_ms;
    one.step_ms = grid.step_ms;
  }
  return absl::OkStatus();
}

absl::StatusOr<Series> Combine(Call& call, const SeriesList& series,
                               Aggregation how, std::string name) {
  Series made;
  made.x_files_factor = call.options().x_files_factor;
  RETURN_IF_ERROR(Rename(call, made, std::move(name)));
  if (series.empty()) return made;
  const size_t points = series[0].values.size();
  RETURN_IF_ERROR(call.host().Charge(
      static_cast<int64_t>(points * sizeof(double))));
  made.start_ms = series[0].start_ms;
  made.step_ms = series[0].step_ms;
  made.tags = series[0].tags;
  for (const Series& one : series) {
    std::erase_if(made.tags, [&one](const auto& tag) {
      const auto found = one.tags.find(tag.first);
      return found == one.tags.end() || found->second != tag.second;
    });
  }
  if (made.tags.count("name") == 0) made.tags["name"] = made.name;
  made.values.reserve(points);
  std::vector<double> row(series.size());
  WorkMeter work(call.host());
  for (size_t i = 0; i < points; ++i) {
    RETURN_IF_ERROR(work.Add(series.size()));
    for (size_t s = 0; s < series.size(); ++s) row[s] = series[s].values[i];
    made.values.push_back(Aggregate(how, row, series[0].x_files_factor));
  }
  return made;
}

std::string NodesText(const Series& series,
                      const std::vector<const Target*>& nodes) {
  const std::string path = FirstPath(series.name);
  const std::vector<std::string> parts = absl::StrSplit(path, '.');
  std::string out;
  bool first = true;
  for (const Target* const node : nodes) {
    if (out.size() > kNameBytesMax) break;
    std::string part;
    if (node->kind == Target::Kind::kNumber) {
      double at = node->number;
      if (at < 0) at += static_cast<double>(parts.size());
      if (at >= 0 && at < static_cast<double>(parts.size())) {
        part = parts[static_cast<size_t>(at)];
      }
    } else {
      const auto tag = series.tags.find(node->text);
      if (tag != series.tags.end()) part = tag->second;
    }
    if (node->kind == Target::Kind::kNumber && part.empty()) continue;
    base::StrAppend(&out, first ? "" : ".", part);
    first = false;
  }
  return out;
}

}  // namespace varve::graphite
