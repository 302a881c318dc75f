#include "lib/protocol/json_lines.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <charconv>
#include <optional>
#include <vector>

#include "lib/model/label.h"
#include "lib/model/sample.h"
#include "lib/protocol/histogram_json.h"
#include "lib/protocol/prometheus_text.h"

namespace varve::protocol {
namespace {

// Takes the reader's events for one line. The columns go straight into the
// batch and are taken back when the line turns out bad.
class LineHandler {
 public:
  explicit LineHandler(SampleBatch& batch)
      : batch_(batch), first_row_(batch.values.size()) {}

  bool Null() {
    if (depth_ == 2 && member_ == Member::kValues && in_array_) {
      return AddValue(model::StaleNan());
    }
    return Ignored("a null");
  }
  bool Bool(bool) { return Ignored("a truth value"); }
  bool RawNumber(const char* text, unsigned size, bool) {
    const std::string_view number(text, size);
    if (depth_ == 2 && in_array_ && member_ == Member::kValues) {
      const std::optional<double> value = ParseNumber(number);
      return value ? AddValue(*value) : Fail("a value is out of range");
    }
    if (depth_ == 2 && in_array_ && member_ == Member::kTimestamps) {
      int64_t ms = 0;
      const auto [end, ec] =
          std::from_chars(number.data(), number.data() + size, ms);
      if (ec != std::errc() || end != number.data() + size) {
        return Fail("a timestamp is not an integer of milliseconds");
      }
      batch_.timestamps_ms.push_back(ms);
      return true;
    }
    return Ignored("a number");
  }
  bool String(const char* text, unsigned size, bool) {
    const std::string_view value(text, size);
    if (depth_ == 2 && member_ == Member::kMetric && !in_array_) {
      labels_.push_back({std::move(key_), std::string(value)});
      return true;
    }
    if (depth_ == 2 && in_array_ && member_ == Member::kValues) {
      const std::optional<double> number = ParseNumber(value);
      return number ? AddValue(*number) : Fail("a value is not a number");
    }
    return Ignored("a string");
  }
  bool StartObject() {
    if (depth_ == 1 && member_ == Member::kMetric) in_array_ = false;
    if (depth_ == 1 &&
        (member_ == Member::kValues || member_ == Member::kTimestamps)) {
      return Fail("values or timestamps are no array");
    }
    if (depth_ >= 2 && member_ != Member::kOther) {
      return Fail("an object in an unexpected place");
    }
    ++depth_;
    return true;
  }
  bool Key(const char* text, unsigned size, bool) {
    const std::string_view key(text, size);
    if (depth_ == 2 && member_ == Member::kMetric) {
      if (key.empty()) return Fail("a label has no name");
      key_ = key;
    } else if (depth_ == 1) {
      member_ = key == "metric"       ? Member::kMetric
                : key == "values"     ? Member::kValues
                : key == "timestamps" ? Member::kTimestamps
                                      : Member::kOther;
    }
    return true;
  }
  bool EndObject(unsigned) {
    --depth_;
    return true;
  }
  bool StartArray() {
    if (depth_ == 0) return Fail("a line is no object");
    if (depth_ == 1 && member_ == Member::kMetric) {
      return Fail("metric is no object");
    }
    if (depth_ >= 2 && member_ != Member::kOther) {
      return Fail("an array in an unexpected place");
    }
    in_array_ = true;
    ++depth_;
    return true;
  }
  bool EndArray(unsigned) {
    --depth_;
    return true;
  }
  // Events of parsed numbers; numbers come as text.
  bool Int(int) { return Fail("a number"); }
  bool Uint(unsigned) { return Fail("a number"); }
  bool Int64(int64_t) { return Fail("a number"); }
  bool Uint64(uint64_t) { return Fail("a number"); }
  bool Double(double) { return Fail("a number"); }

  const std::string& why() const { return why_; }
  std::vector<model::Label> TakeLabels() { return std::move(labels_); }

 private:
  enum class Member { kOther, kMetric, kValues, kTimestamps };

  bool Fail(std::string_view why) {
    why_ = why;
    return false;
  }
  // Scalars outside the places that are read.
  bool Ignored(std::string_view what) {
    if (depth_ == 0) return Fail("a line is no object");
    if (member_ == Member::kOther) return true;
    return Fail(base::StrCat(what, " in an unexpected place"));
  }
  bool AddValue(double value) {
    if (batch_.values.size() - first_row_ >= kSeriesRowsMax) {
      return Fail("more than 1048576 values");
    }
    batch_.values.push_back(value);
    return true;
  }

  SampleBatch& batch_;
  const size_t first_row_;
  Member member_ = Member::kOther;
  bool in_array_ = false;
  int depth_ = 0;
  std::string key_;
  std::vector<model::Label> labels_;
  std::string why_;
};

}  // namespace

void JsonLinesReader::ReadLine(std::string_view line, SampleBatch& batch) {
  if (line.find_first_not_of(" \t") == std::string_view::npos) return;
  const size_t first_row = batch.values.size();
  LineHandler handler(batch);
  // Iterative: deep nesting must not become deep recursion.
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag |
                              rapidjson::kParseNumbersAsStringsFlag |
                              rapidjson::kParseValidateEncodingFlag;
  rapidjson::MemoryStream stream(line.data(), line.size());
  rapidjson::Reader reader;
  const auto result = reader.Parse<kFlags>(stream, handler);
  const size_t rows = batch.values.size() - first_row;
  const size_t timestamps = batch.timestamps_ms.size() - first_row;
  const model::LabelSet labels(handler.TakeLabels());
  std::string why;
  if (result.IsError()) {
    why = handler.why().empty() ? "not JSON" : handler.why();
  } else if (rows != timestamps) {
    why = base::StrCat(rows, " values and ", timestamps, " timestamps");
  } else if (labels.empty()) {
    why = "no labels";
  }
  const size_t first_histogram = batch.histograms.size();
  // Seldom there, and then worth a second reading.
  if (why.empty() && line.find("\"histograms\"") != std::string_view::npos) {
    why = ReadHistogramsMember(line, batch);
  }
  const size_t histograms = batch.histograms.size() - first_histogram;
  if (!why.empty()) {
    batch.values.resize(first_row);
    batch.timestamps_ms.resize(first_row);
    return AddBadLine(why);
  }
  if (rows + histograms == 0) return;
  canonical_.clear();
  AppendCanonicalBytes(canonical_, labels);
  batch.series.push_back({.identity = batch.arena.Copy(canonical_),
                          .first_row = static_cast<uint32_t>(first_row),
                          .rows = static_cast<uint32_t>(rows),
                          .first_histogram =
                              static_cast<uint32_t>(first_histogram),
                          .histograms = static_cast<uint32_t>(histograms)});
}

}  // namespace varve::protocol
