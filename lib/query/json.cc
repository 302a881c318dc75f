#include "lib/query/json.h"

#include <charconv>
#include <cstring>

#include "lib/histogram/buckets.h"
#include "lib/promql/number_text.h"

namespace varve::query {
namespace {

// Bytes of the well-formed UTF-8 sequence at the start of `text`; 0 for none.
size_t SequenceSize(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = at(0);
  const size_t size = lead < 0x80                   ? 1
                      : lead >= 0xC2 && lead < 0xE0 ? 2
                      : lead >= 0xE0 && lead < 0xF0 ? 3
                      : lead >= 0xF0 && lead < 0xF5 ? 4
                                                    : 0;
  if (size == 0 || size > text.size()) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && at(1) < 0xA0) return 0;   // overlong
  if (lead == 0xED && at(1) >= 0xA0) return 0;  // surrogates
  if (lead == 0xF0 && at(1) < 0x90) return 0;   // overlong
  if (lead == 0xF4 && at(1) >= 0x90) return 0;  // beyond U+10FFFF
  return size;
}

// Whether some of eight bytes is a control character, '"', '\\' or no ASCII.
bool AnySpecial(uint64_t bytes) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  // The high bit of each byte that is below n, as long as all are ASCII.
  const auto below = [](uint64_t x, uint64_t n) { return x - kOnes * n; };
  const uint64_t quotes = below(bytes ^ kOnes * '"', 1);
  const uint64_t slashes = below(bytes ^ kOnes * '\\', 1);
  return ((bytes | below(bytes, 0x20) | quotes | slashes) & kOnes * 0x80) != 0;
}

// Bytes at the start of `text` that stand in JSON as they are and are ASCII.
size_t PlainSize(std::string_view text) {
  size_t i = 0;
  for (uint64_t eight; text.size() - i >= sizeof(eight); i += sizeof(eight)) {
    std::memcpy(&eight, text.data() + i, sizeof(eight));
    if (AnySpecial(eight)) break;
  }
  while (i < text.size()) {
    const auto c = static_cast<uint8_t>(text[i]);
    if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') break;
    ++i;
  }
  return i;
}

void AppendEscaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default: {
      constexpr char kHex[] = "0123456789abcdef";
      out += "\\u00";
      out.push_back(kHex[static_cast<uint8_t>(c) >> 4]);
      out.push_back(kHex[static_cast<uint8_t>(c) & 15]);
    }
  }
}

void AppendInteger(std::string& out, int64_t value) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof(text), value).ptr);
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  out.push_back('"');
  for (size_t i = 0; i < text.size();) {
    const size_t plain = PlainSize(text.substr(i));
    out.append(text.substr(i, plain));
    i += plain;
    if (i == text.size()) break;
    const auto c = static_cast<uint8_t>(text[i]);
    if (c < 0x20 || c == '"' || c == '\\') {
      AppendEscaped(out, text[i++]);
      continue;
    }
    const size_t size = SequenceSize(text.substr(i));
    if (size == 0) {
      out += "\xEF\xBF\xBD";
      ++i;
      continue;
    }
    out.append(text.substr(i, size));
    i += size;
  }
  out.push_back('"');
}

void AppendJsonLabels(std::string& out, const model::LabelSet& labels) {
  out.push_back('{');
  bool first = true;
  for (const model::Label& label : labels) {
    if (!first) out.push_back(',');
    first = false;
    AppendJsonString(out, label.name);
    out.push_back(':');
    AppendJsonString(out, label.value);
  }
  out.push_back('}');
}

void AppendJsonTime(std::string& out, int64_t timestamp_ms) {
  if (timestamp_ms < 0) {
    out.push_back('-');
    timestamp_ms = -timestamp_ms;
  }
  AppendInteger(out, timestamp_ms / 1000);
  const int rest = static_cast<int>(timestamp_ms % 1000);
  if (rest == 0) return;
  out.push_back('.');
  out.push_back(static_cast<char>('0' + rest / 100));
  out.push_back(static_cast<char>('0' + rest / 10 % 10));
  out.push_back(static_cast<char>('0' + rest % 10));
}

void AppendJsonSample(std::string& out, int64_t timestamp_ms, double value) {
  out.push_back('[');
  AppendJsonTime(out, timestamp_ms);
  out += ",\"";
  promql::AppendApiNumber(out, value);
  out += "\"]";
}

void AppendJsonHistogram(std::string& out, int64_t timestamp_ms,
                         const histogram::FloatHistogram& histogram) {
  const auto append_number = [&out](double value) {
    out.push_back('"');
    promql::AppendApiNumber(out, value);
    out.push_back('"');
  };
  out.push_back('[');
  AppendJsonTime(out, timestamp_ms);
  out += ",{\"count\":";
  append_number(histogram.count);
  out += ",\"sum\":";
  append_number(histogram.sum);
  bool first = true;
  for (auto walk = histogram::BucketWalk::Ascending(histogram); walk.Next();) {
    const histogram::Bucket& bucket = walk.bucket();
    if (bucket.count == 0) continue;
    out += first ? ",\"buckets\":[[" : ",[";
    first = false;
    out.push_back(static_cast<char>('0' + histogram::BoundaryRule(bucket)));
    for (const double value : {bucket.lower, bucket.upper, bucket.count}) {
      out.push_back(',');
      append_number(value);
    }
    out.push_back(']');
  }
  out += first ? "}]" : "]}]";
}

absl::Status Answer::Flush() {
  if (text_.size() < kAnswerPieceBytes) return absl::OkStatus();
  if (!begun_) writer_.Begin(200, content_type_);
  begun_ = true;
  const absl::Status status = writer_.Write(text_);
  text_.clear();
  return status;
}

absl::Status Answer::Finish() {
  if (!begun_) {
    writer_.Send(200, content_type_, text_);
    begun_ = true;
    return absl::OkStatus();
  }
  return text_.empty() ? absl::OkStatus() : writer_.Write(text_);
}

}  // namespace varve::query
