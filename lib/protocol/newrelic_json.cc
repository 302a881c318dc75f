#include "lib/protocol/newrelic_json.h"

#include <cmath>
#include <optional>

#include "lib/base/status.h"
#include "lib/protocol/line_words.h"

namespace varve::protocol {
namespace {

// Series names of one event, its labels repeated for each number.
constexpr size_t kNamesBytesMax = 32 << 20;

constexpr std::string_view kEvents = "Events";

// The array of a post's events; "" where it has none.
std::string_view EventsOf(std::string_view post) {
  JsonItems members(post);
  std::string_view key, value;
  while (members.Next(key, value)) {
    if (key == kEvents) return value;
  }
  return "";
}

}  // namespace

absl::Status NewRelicReader::Check() {
  JsonItems posts(body_);
  if (!posts.is_array()) {
    return base::InvalidArgument("the body is not a JSON array");
  }
  int64_t number = 0;
  for (std::string_view post; posts.Next(post);) {
    JsonItems members(post);
    std::string_view key, value;
    while (members.Next(key, value)) {
      if (key != kEvents) continue;
      JsonItems events(value);
      for (std::string_view event; events.Next(event);) {
        ++number;
        if (event.size() <= kJsonItemBytesMax && !reader_.Read(event)) {
          return base::InvalidArgument("event ", number, " is not JSON");
        }
      }
      if (!events.is_array() || !events.complete()) {
        return base::InvalidArgument("Events are not an array after event ",
                                     number);
      }
    }
    if (!members.is_object() || !members.complete()) {
      return base::InvalidArgument("not a JSON object after event ", number);
    }
  }
  if (!posts.complete()) {
    return base::InvalidArgument("the body is not JSON after event ", number);
  }
  return absl::OkStatus();
}

bool NewRelicReader::NextEvent(std::string_view& event) {
  while (!events_.Next(event)) {
    std::string_view post;
    if (!posts_.is_array() || !posts_.Next(post)) return false;
    events_ = JsonItems(EventsOf(post));
  }
  return true;
}

std::string_view NewRelicReader::ReadEvent(std::string_view text,
                                           SampleBatch& batch) {
  const auto event = reader_.Read(text);
  if (!event) return "longer than 1048576 bytes";
  simdjson::dom::object members;
  if (event->get(members) != simdjson::SUCCESS) return "not an object";
  labels_.Clear();
  samples_.clear();
  int64_t ms = default_ms_;
  for (const auto& member : members) {
    if (member.value.is_string()) {
      labels_.Add(member.key, JsonString(member.value));
    } else if (const auto number = JsonNumber(member.value)) {
      if (member.key != "timestamp") {
        if (!member.key.empty()) samples_.push_back({member.key, *number});
      } else if (!(std::abs(*number) < kSecondsMax)) {
        return "the timestamp is out of range";
      } else if (*number != 0) {
        const double scale = *number < 4294967296.0 ? 1'000 : 1;
        ms = static_cast<int64_t>(*number * scale);
      }
    }
  }
  labels_.Seal();
  if (samples_.size() * labels_.sealed_bytes() > kNamesBytesMax) {
    return "its numbers times its labels exceed 33554432 bytes";
  }
  for (const Sample& sample : samples_) {
    canonical_.clear();
    labels_.AppendCanonical(sample.name, canonical_);
    AppendRow(canonical_, ms, sample.value, batch);
  }
  return "";
}

bool NewRelicReader::Next(SampleBatch& batch, size_t rows_max) {
  while (!batch.full(rows_max)) {
    std::string_view event;
    if (!NextEvent(event)) return false;
    ++number_;
    const std::string_view why = ReadEvent(event, batch);
    if (!why.empty()) AddBad("event", number_, why);
  }
  return true;
}

}  // namespace varve::protocol
