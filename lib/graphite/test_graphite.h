// A small Graphite: stored series, and targets run over them. For the tests of
// this folder, whose values are worked out by hand from what Graphite's
// documentation says of each function.
#ifndef VARVE_LIB_GRAPHITE_TEST_GRAPHITE_H_
#define VARVE_LIB_GRAPHITE_TEST_GRAPHITE_H_

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/graphite/evaluate.h"
#include "lib/graphite/target.h"
#include "lib/model/matcher.h"

namespace varve::graphite {

inline constexpr int64_t kStartMs = 600'000;  // a multiple of intervals below
inline constexpr double kN = kNone;

// Series of one value each 10 s, by name and tags, from kStartMs on. Values
// before it are those of `before`, the latest last.
class FakeHost final : public Host {
 public:
  struct Stored {
    std::map<std::string, std::string> tags;
    std::vector<double> values;
    std::vector<double> before;
  };

  absl::StatusOr<SeriesList> Fetch(const model::Matchers& matchers,
                                   const Grid& grid) override {
    ++fetches;
    SeriesList found;
    for (const Stored& one : stored) {
      bool matches = true;
      for (const model::Matcher& matcher : matchers) {
        const auto compiled = model::CompiledMatcher::Make(matcher);
        REQUIRE(compiled.ok());
        const auto tag = one.tags.find(
            matcher.name == "__name__" ? "name" : matcher.name);
        matches = matches && compiled->Matches(
                                 tag == one.tags.end() ? "" : tag->second);
      }
      if (matches) found.push_back(OnGrid(one, grid));
    }
    return found;
  }
  absl::Status Charge(int64_t bytes) override {
    charged += bytes;
    if (charged <= bytes_max) return absl::OkStatus();
    return base::ResourceExhausted("too much memory");
  }
  absl::Status CheckAlive() override {
    ++checks;
    return alive;
  }

  void Add(const std::string& name, std::vector<double> values,
           std::map<std::string, std::string> tags = {},
           std::vector<double> before = {}) {
    tags["name"] = name;
    stored.push_back({std::move(tags), std::move(values), std::move(before)});
  }

  std::vector<Stored> stored;
  int fetches = 0;
  int checks = 0;
  int64_t charged = 0;
  int64_t bytes_max = 1 << 20;
  absl::Status alive;

 private:
  static Series OnGrid(const Stored& one, const Grid& grid) {
    Series series;
    series.name = one.tags.at("name");
    series.tags = one.tags;
    series.start_ms = grid.start_ms;
    series.step_ms = grid.step_ms;
    std::vector<double> all = one.before;
    all.insert(all.end(), one.values.begin(), one.values.end());
    for (size_t i = 0; i < grid.points(); ++i) {
      const int64_t at = (grid.start_ms - kStartMs) / 10'000 +
                         static_cast<int64_t>(i) +
                         static_cast<int64_t>(one.before.size());
      series.values.push_back(at >= 0 && at < static_cast<int64_t>(all.size())
                                  ? all[static_cast<size_t>(at)]
                                  : kNone);
    }
    return series;
  }
};

struct Graphite {
  Graphite() {
    host.Add("web.a.load", {1, 2, 4, 8, 16, 32});
    host.Add("web.b.load", {10, 20, kN, 40, 50, 60});
    host.Add("db.a.load", {6, 5, 4, 3, 2, 1}, {{"dc", "x"}, {"rack", "1"}});
    host.Add("db.b.load", {0, 0, 0, 0, 0, 0}, {{"dc", "y"}, {"rack", "2"}});
    host.Add("empty", {kN, kN, kN, kN, kN, kN});
    options.grid = {kStartMs, kStartMs + 60'000, 10'000};
  }

  // "name=1,2,-;name=…"; an error's text after "error: ".
  std::string Run(const std::string& text) {
    const auto target = ParseTarget(text);
    if (!target.ok()) return "error: " + std::string(target.status().message());
    const auto made = Evaluate(*target, options, host);
    if (!made.ok()) return "error: " + std::string(made.status().message());
    std::string out;
    for (const Series& series : *made) {
      if (!out.empty()) out += ";";
      out += series.name + "=";
      for (size_t i = 0; i < series.values.size(); ++i) {
        const double v = std::round(series.values[i] * 1000) / 1000;
        char number[32];
        std::snprintf(number, sizeof(number), "%g", v);
        out += (i == 0 ? "" : ",") + std::string(IsNone(v) ? "-" : number);
      }
    }
    return out;
  }
  // Without names.
  std::string Values(const std::string& text) {
    std::string out = Run(text);
    if (out.starts_with("error")) return out;
    std::string values;
    while (!out.empty()) {
      const size_t end = std::min(out.find(';'), out.size());
      const size_t equals = out.rfind('=', end);
      values += (values.empty() ? "" : ";") + out.substr(equals + 1,
                                                         end - equals - 1);
      out.erase(0, end + 1);
    }
    return values;
  }

  FakeHost host;
  EvaluateOptions options;
};

}  // namespace varve::graphite

#endif  // VARVE_LIB_GRAPHITE_TEST_GRAPHITE_H_
