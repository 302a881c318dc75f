#include "lib/protocol/opentsdb_lines.h"

#include <cmath>
#include <optional>

#include "lib/protocol/line_words.h"
#include "lib/protocol/prometheus_text.h"

namespace varve::protocol {

int64_t OpenTsdbMilliseconds(int64_t timestamp) {
  // Const.SECOND_MASK of OpenTSDB.
  constexpr int64_t kMillisecondBits = 0x7FFFFFFF00000000;
  return (timestamp & kMillisecondBits) == 0 ? timestamp * 1'000 : timestamp;
}

void OpenTsdbLinesReader::ReadLine(std::string_view line, SampleBatch& batch) {
  constexpr std::string_view kSpace = " ";
  const std::string_view command = TakeWord(line, kSpace);
  if (command.empty()) return;
  if (command != "put") return AddBadLine("the command is not put");
  const std::string_view metric = TakeWord(line, kSpace);
  const std::string_view time_text = TakeWord(line, kSpace);
  const std::string_view value_text = TakeWord(line, kSpace);
  if (value_text.empty()) return AddBadLine("no value");
  const std::optional<double> time = ParseNumber(time_text);
  if (!time || !(std::abs(*time) < kSecondsMax)) {
    return AddBadLine("the timestamp is not a number");
  }
  const std::optional<double> value = ParseNumber(value_text);
  if (!value) return AddBadLine("the value is not a number");
  const auto timestamp = static_cast<int64_t>(*time);
  int64_t ms = timestamp == 0 ? default_ms_ : OpenTsdbMilliseconds(timestamp);
  if (trim_ms_ > 1'000) ms -= ms % trim_ms_;

  labels_.Clear();
  for (std::string_view tag = TakeWord(line, kSpace); !tag.empty();
       tag = TakeWord(line, kSpace)) {
    const size_t equals = tag.find('=');
    if (equals == std::string_view::npos) return AddBadLine("a tag has no =");
    labels_.Add(tag.substr(0, equals), tag.substr(equals + 1));
  }
  labels_.Seal();
  canonical_.clear();
  labels_.AppendCanonical(metric, canonical_);
  AppendRow(canonical_, ms, *value, batch);
}

}  // namespace varve::protocol
