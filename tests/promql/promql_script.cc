#include "tests/promql/promql_script.h"

#include <re2/re2.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "lib/base/status.h"
#include "tests/promql/series_text.h"

namespace varve::promqltest {
namespace {

std::string Stripped(absl::string_view line) {
  const absl::string_view text = absl::StripAsciiWhitespace(line);
  return text.empty() || text[0] == '#' ? "" : std::string(text);
}

class Parser {
 public:
  explicit Parser(std::string_view text) {
    for (absl::string_view line : absl::StrSplit(base::ToAbsl(text), '\n')) {
      lines_.push_back(Stripped(line));
    }
  }

  absl::StatusOr<std::vector<ScriptCommand>> Run() {
    while (at_ < lines_.size()) {
      if (lines_[at_].empty()) {
        ++at_;
        continue;
      }
      const size_t line = at_;
      if (absl::Status status = Command(); !status.ok()) {
        return base::InvalidArgument("line ", line + 1, ": ",
                                     base::Message(status), ": ", lines_[line]);
      }
    }
    return std::move(commands_);
  }

 private:
  absl::Status Command() {
    const std::string& line = lines_[at_];
    if (line == "clear") {
      commands_.emplace_back();
      ++at_;
      return absl::OkStatus();
    }
    if (line.starts_with("load")) return Load(line);
    if (line.starts_with("eval")) return Eval(line);
    return base::InvalidArgument("unknown command");
  }

  // The lines under the command, up to an empty one.
  std::vector<std::string> Block() {
    std::vector<std::string> block;
    for (++at_; at_ < lines_.size() && !lines_[at_].empty(); ++at_) {
      block.push_back(lines_[at_]);
    }
    return block;
  }

  absl::Status Load(const std::string& line) {
    static const RE2 kLoad("load(_with_nhcb)?\\s+(\\S+)");
    std::string with_nhcb, step_text;
    if (!RE2::FullMatch(line, kLoad, &with_nhcb, &step_text)) {
      return base::InvalidArgument("bad load");
    }
    ASSIGN_OR_RETURN(const int64_t step_ms, ParseScriptTimeMs(step_text));
    ScriptCommand command;
    command.kind = ScriptCommand::Kind::kLoad;
    for (const std::string& text : Block()) {
      ASSIGN_OR_RETURN(SeriesText series, ParseSeriesText(text));
      eval::SeriesData data{series.labels, {}};
      for (size_t i = 0; i < series.values.size(); ++i) {
        if (!series.values[i]) continue;
        data.samples.push_back(static_cast<int64_t>(i) * step_ms,
                               *series.values[i]);
      }
      if (series.has_histograms) {
        command.histogram_series.push_back(series.labels);
      } else {
        command.series.push_back(std::move(data));
      }
      if (!with_nhcb.empty()) AddCustomBuckets(series.labels, command);
    }
    commands_.push_back(std::move(command));
    return absl::OkStatus();
  }

  // What load_with_nhcb makes of a classic bucket.
  static void AddCustomBuckets(model::LabelSet labels, ScriptCommand& command) {
    const std::string name(labels.Get(model::kMetricName));
    constexpr std::string_view kSuffix = "_bucket";
    if (!name.ends_with(kSuffix)) return;
    labels.Set(model::kMetricName,
               std::string_view(name).substr(0, name.size() - kSuffix.size()));
    labels.Remove("le");
    command.histogram_series.push_back(std::move(labels));
  }

  absl::Status Eval(const std::string& line) {
    ScriptCommand command;
    command.kind = ScriptCommand::Kind::kEval;
    ScriptCase& eval = command.eval;
    eval.line = static_cast<int>(at_) + 1;
    eval.command = line;
    RETURN_IF_ERROR(EvalHead(line, eval));
    for (const std::string& text : Block()) {
      RETURN_IF_ERROR(Expectation(text, eval));
    }
    commands_.push_back(std::move(command));
    return absl::OkStatus();
  }

  static absl::Status EvalHead(const std::string& line, ScriptCase& eval) {
    static const RE2 kInstant(
        "eval(?:_(fail|warn|ordered|info))?\\s+instant\\s+at\\s+(\\S+)\\s+"
        "(.+)");
    static const RE2 kRange(
        "eval(?:_(fail|warn|info))?\\s+range\\s+from\\s+(\\S+)\\s+to\\s+(\\S+)"
        "\\s+step\\s+(\\S+)\\s+(.+)");
    std::string mode, start, end, step;
    if (RE2::FullMatch(line, kInstant, &mode, &start, &eval.expr)) {
      ASSIGN_OR_RETURN(eval.start_ms, ParseScriptTimeMs(start));
      eval.end_ms = eval.start_ms;
    } else if (RE2::FullMatch(line, kRange, &mode, &start, &end, &step,
                              &eval.expr)) {
      ASSIGN_OR_RETURN(eval.start_ms, ParseScriptTimeMs(start));
      ASSIGN_OR_RETURN(eval.end_ms, ParseScriptTimeMs(end));
      ASSIGN_OR_RETURN(eval.step_ms, ParseScriptTimeMs(step));
    } else {
      return base::InvalidArgument("bad eval");
    }
    eval.ordered = mode == "ordered";
    eval.fails = mode == "fail";
    return absl::OkStatus();
  }

  static absl::Status Expectation(const std::string& text, ScriptCase& eval) {
    if (text.starts_with("expected_fail_")) {
      eval.fails = true;
      return absl::OkStatus();
    }
    if (text.starts_with("expect ")) {
      if (text.starts_with("expect fail")) eval.fails = true;
      if (text.starts_with("expect ordered")) eval.ordered = true;
      return absl::OkStatus();
    }
    if (const std::optional<double> scalar = ParseScriptNumber(text)) {
      eval.scalar = scalar;
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(SeriesText series, ParseSeriesText(text));
    if (series.has_histograms) eval.native = true;
    eval.expected.push_back({series.labels, std::move(series.values)});
    return absl::OkStatus();
  }

  std::vector<std::string> lines_;
  size_t at_ = 0;
  std::vector<ScriptCommand> commands_;
};

}  // namespace

absl::StatusOr<std::vector<ScriptCommand>> ParseScript(std::string_view text) {
  return Parser(text).Run();
}

}  // namespace varve::promqltest
