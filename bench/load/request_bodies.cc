#include "bench/load/request_bodies.h"

#include <bit>
#include <charconv>
#include <unordered_map>

#include "bench/load/write_connection.h"
#include "lib/base/byte_coding.h"
#include "lib/base/strings.h"
#include "lib/compress/compress.h"

namespace varve::bench {
namespace {

void AppendField(std::string& out, char tag, std::string_view bytes) {
  out.push_back(tag);
  base::PutLengthPrefixed(out, bytes);
}

void AppendFixed64(std::string& out, char tag, uint64_t bits) {
  out.push_back(tag);
  base::PutFixedLe(out, bits);
}

void AppendDouble(std::string& out, double value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
}

// A sample of remote write: both versions have the same fields.
std::string Sample(double value, int64_t time_ms) {
  std::string sample;
  AppendFixed64(sample, '\x09', std::bit_cast<uint64_t>(value));
  sample.push_back('\x10');
  base::PutVarint(sample, static_cast<uint64_t>(time_ms));
  return sample;
}

std::string_view NameOf(const SeriesLabels& labels) {
  for (const auto& [name, value] : labels) {
    if (name == "__name__") return value;
  }
  return {};
}

std::string_view ValueOf(const SeriesLabels& labels, std::string_view wanted) {
  for (const auto& [name, value] : labels) {
    if (name == wanted) return value;
  }
  return {};
}

std::string TextLabels(const SeriesLabels& labels) {
  std::string out(NameOf(labels));
  char before = '{';
  for (const auto& [name, value] : labels) {
    if (name == "__name__") continue;
    out.push_back(before);
    base::StrAppend(&out, name, "=\"", value, "\"");
    before = ',';
  }
  return out + "} ";
}

std::string InfluxLabels(const SeriesLabels& labels) {
  std::string out(NameOf(labels));
  for (const auto& [name, value] : labels) {
    if (name != "__name__") base::StrAppend(&out, ",", name, "=", value);
  }
  return out + " value=";
}

std::string OtlpAttribute(std::string_view name, std::string_view value) {
  std::string any, attribute;
  AppendField(any, '\x0a', value);
  AppendField(attribute, '\x0a', name);
  AppendField(attribute, '\x12', any);
  return attribute;
}

}  // namespace

BodyFormat ParseBodyFormat(const std::string& name) {
  if (name == "write1") return BodyFormat::kWrite1;
  if (name == "write2") return BodyFormat::kWrite2;
  if (name == "text") return BodyFormat::kText;
  if (name == "influx") return BodyFormat::kInflux;
  if (name == "otlp") return BodyFormat::kOtlp;
  Die("-format is write1, write2, text, influx or otlp, not " + name);
}

RequestBodies::RequestBodies(BodyFormat format, const std::string& codec,
                             int64_t series)
    : format_(format), codec_(codec) {
  for (int64_t s = 0; s < series; ++s) {
    switch (format) {
      case BodyFormat::kWrite1:
        labels_.push_back(RawLabels(s));
        break;
      case BodyFormat::kText:
        labels_.push_back(TextLabels(LabelsOf(s)));
        break;
      case BodyFormat::kInflux:
        labels_.push_back(InfluxLabels(LabelsOf(s)));
        break;
      case BodyFormat::kWrite2:
      case BodyFormat::kOtlp:
        label_pairs_.push_back(LabelsOf(s));
    }
  }
}

std::string RequestBodies::Headers() const {
  std::string headers;
  switch (format_) {
    case BodyFormat::kWrite1:
      headers =
          "Content-Type: application/x-protobuf\r\n"
          "X-Prometheus-Remote-Write-Version: 0.1.0\r\n";
      break;
    case BodyFormat::kWrite2:
      headers =
          "Content-Type: application/x-protobuf;"
          "proto=io.prometheus.write.v2.Request\r\n"
          "X-Prometheus-Remote-Write-Version: 2.0.0\r\n";
      break;
    case BodyFormat::kOtlp:
      headers = "Content-Type: application/x-protobuf\r\n";
      break;
    case BodyFormat::kText:
    case BodyFormat::kInflux:
      headers = "Content-Type: text/plain\r\n";
  }
  if (codec_ != "none") {
    base::StrAppend(&headers, "Content-Encoding: ", codec_, "\r\n");
  }
  return headers;
}

std::string RequestBodies::Make(int64_t first, int64_t round,
                                const std::vector<int64_t>& times_ms) const {
  const std::string body = Plain(first, round, times_ms);
  if (codec_ == "none") return body;
  std::string out;
  if (codec_ == "zstd") {
    compress::ZstdCompress(body, 1, out);
  } else if (codec_ == "gzip") {
    compress::GzipCompress(body, 1, out);
  } else {
    compress::SnappyCompress(body, out);
  }
  return out;
}

std::string RequestBodies::Plain(int64_t first, int64_t round,
                                 const std::vector<int64_t>& times_ms) const {
  switch (format_) {
    case BodyFormat::kWrite1:
      return Write1(first, round, times_ms);
    case BodyFormat::kWrite2:
      return Write2(first, round, times_ms);
    case BodyFormat::kOtlp:
      return Otlp(first, round, times_ms);
    case BodyFormat::kText:
    case BodyFormat::kInflux:
      break;
  }
  return Lines(first, round, times_ms);
}

std::string RequestBodies::Write1(int64_t first, int64_t round,
                                  const std::vector<int64_t>& times_ms) const {
  std::string body;
  for (size_t i = 0; i < times_ms.size(); ++i) {
    const auto s = first + static_cast<int64_t>(i);
    const std::string& labels = labels_[static_cast<size_t>(s)];
    const std::string sample = Sample(ValueAt(s, round), times_ms[i]);
    body.push_back('\x0a');
    base::PutVarint(body, labels.size() + 2 + sample.size());
    body += labels;
    AppendField(body, '\x12', sample);
  }
  return body;
}

std::string RequestBodies::Write2(int64_t first, int64_t round,
                                  const std::vector<int64_t>& times_ms) const {
  std::unordered_map<std::string_view, uint64_t> symbols = {{"", 0}};
  std::string table, series;
  AppendField(table, '\x22', "");
  const auto ref = [&](std::string_view symbol) {
    const auto [found, added] = symbols.try_emplace(symbol, symbols.size());
    if (added) AppendField(table, '\x22', symbol);
    return found->second;
  };
  for (size_t i = 0; i < times_ms.size(); ++i) {
    const auto s = first + static_cast<int64_t>(i);
    std::string refs, one;
    for (const auto& [name, value] : label_pairs_[static_cast<size_t>(s)]) {
      base::PutVarint(refs, ref(name));
      base::PutVarint(refs, ref(value));
    }
    AppendField(one, '\x0a', refs);
    AppendField(one, '\x12', Sample(ValueAt(s, round), times_ms[i]));
    AppendField(series, '\x2a', one);
  }
  return table + series;
}

std::string RequestBodies::Lines(int64_t first, int64_t round,
                                 const std::vector<int64_t>& times_ms) const {
  const bool influx = format_ == BodyFormat::kInflux;
  std::string body;
  for (size_t i = 0; i < times_ms.size(); ++i) {
    const auto s = first + static_cast<int64_t>(i);
    body += labels_[static_cast<size_t>(s)];
    AppendDouble(body, ValueAt(s, round));
    base::StrAppend(&body, " ", times_ms[i], influx ? "000000\n" : "\n");
  }
  return body;
}

std::string RequestBodies::Otlp(int64_t first, int64_t round,
                                const std::vector<int64_t>& times_ms) const {
  std::string body;
  const auto labels_of = [&](size_t i) -> const SeriesLabels& {
    return label_pairs_[static_cast<size_t>(first) + i];
  };
  for (size_t i = 0; i < times_ms.size();) {
    const std::string_view instance = ValueOf(labels_of(i), "instance");
    std::string resource, metrics;
    AppendField(resource, '\x0a', OtlpAttribute("instance", instance));
    while (i < times_ms.size() &&
           ValueOf(labels_of(i), "instance") == instance) {
      const std::string_view name = NameOf(labels_of(i));
      std::string points;
      for (; i < times_ms.size() && NameOf(labels_of(i)) == name &&
             ValueOf(labels_of(i), "instance") == instance;
           ++i) {
        const auto s = first + static_cast<int64_t>(i);
        std::string point;
        AppendFixed64(point, '\x19',
                      static_cast<uint64_t>(times_ms[i]) * 1'000'000);
        AppendFixed64(point, '\x21',
                      std::bit_cast<uint64_t>(ValueAt(s, round)));
        for (const auto& [key, value] : labels_of(i)) {
          if (key == "__name__" || key == "instance") continue;
          AppendField(point, '\x3a', OtlpAttribute(key, value));
        }
        AppendField(points, '\x0a', point);
      }
      std::string metric;
      AppendField(metric, '\x0a', name);
      AppendField(metric, '\x2a', points);  // a gauge
      AppendField(metrics, '\x12', metric);
    }
    std::string one;
    AppendField(one, '\x0a', resource);
    AppendField(one, '\x12', metrics);  // one scope
    AppendField(body, '\x0a', one);
  }
  return body;
}

}  // namespace varve::bench
