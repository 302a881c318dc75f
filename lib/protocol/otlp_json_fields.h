// The fields of OTLP's JSON, by the rules of protobuf's: integers may be
// strings, numbers may be "NaN", null is what a field is without a value.
//
// Errors:  InvalidArgument naming the field.
// Threads: free functions without state.
// Source:  protobuf.dev/programming-guides/json.
#ifndef VARVE_LIB_PROTOCOL_OTLP_JSON_FIELDS_H_
#define VARVE_LIB_PROTOCOL_OTLP_JSON_FIELDS_H_

#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "lib/base/status.h"

namespace varve::protocol::otlp_json {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

inline absl::Status Mistyped(std::string_view field) {
  return base::InvalidArgument("OTLP: the field ", field,
                               " is of another type");
}

// Each leaves `out` alone for null, which is the default of any field.

// Text or bool.
template <typename T>
absl::Status Read(std::string_view name, element from, T& out) {
  if (from.is_null() || from.get(out) == simdjson::SUCCESS) {
    return absl::OkStatus();
  }
  return Mistyped(name);
}

template <typename Int>
absl::Status ReadInt(std::string_view name, element from, Int& out) {
  if (from.is_null()) return absl::OkStatus();
  std::string_view text;
  if (from.get(text) == simdjson::SUCCESS) {
    const char* const end = text.data() + text.size();
    const auto [ptr, ec] = std::from_chars(text.data(), end, out);
    if (ec == std::errc() && ptr == end) return absl::OkStatus();
    return base::InvalidArgument("OTLP: the field ", name, " is no integer: ",
                                 text.substr(0, 40));
  }
  int64_t number = 0;
  uint64_t large = 0;
  double real = 0;
  if (from.get(number) == simdjson::SUCCESS) {
    if (std::in_range<Int>(number)) {
      out = static_cast<Int>(number);
      return absl::OkStatus();
    }
  } else if (from.get(large) == simdjson::SUCCESS) {
    if (std::in_range<Int>(large)) {
      out = static_cast<Int>(large);
      return absl::OkStatus();
    }
  } else if (from.get(real) == simdjson::SUCCESS && real == std::trunc(real) &&
             std::abs(real) < 0x1p53) {
    number = static_cast<int64_t>(real);  // 1e3, which protobuf may write
    if (std::in_range<Int>(number)) {
      out = static_cast<Int>(number);
      return absl::OkStatus();
    }
  }
  return base::InvalidArgument("OTLP: the field ", name,
                               " is no integer of its type");
}

inline absl::Status ReadDouble(std::string_view name, element from,
                               double& out) {
  if (from.is_null() || from.get(out) == simdjson::SUCCESS) {
    return absl::OkStatus();
  }
  std::string_view text;
  if (from.get(text) != simdjson::SUCCESS) return Mistyped(name);
  if (text == "NaN") {
    out = std::numeric_limits<double>::quiet_NaN();
  } else if (text == "Infinity" || text == "-Infinity") {
    out = text[0] == '-' ? -HUGE_VAL : HUGE_VAL;
  } else {
    const char* const end = text.data() + text.size();
    const auto [ptr, ec] = std::from_chars(text.data(), end, out);
    if (ec != std::errc() || ptr != end) {
      return base::InvalidArgument("OTLP: the field ", name, " is no number: ",
                                   text.substr(0, 40));
    }
  }
  return absl::OkStatus();
}

// Calls `each` for the elements of an array.
template <typename Each>
absl::Status ForEach(std::string_view name, element from, const Each& each) {
  if (from.is_null()) return absl::OkStatus();
  array elements;
  if (from.get(elements) != simdjson::SUCCESS) return Mistyped(name);
  for (const element one : elements) RETURN_IF_ERROR(each(one));
  return absl::OkStatus();
}

// Calls `each` with name and value of the members of an object.
template <typename Each>
absl::Status ForMembers(std::string_view name, element from, const Each& each) {
  if (from.is_null()) return absl::OkStatus();
  object members;
  if (from.get(members) != simdjson::SUCCESS) return Mistyped(name);
  for (const auto member : members) {
    RETURN_IF_ERROR(each(std::string_view(member.key), element(member.value)));
  }
  return absl::OkStatus();
}

// The member `name`; null without it.
inline element Member(element from, std::string_view name, element null) {
  element found;
  return from[name].get(found) == simdjson::SUCCESS ? found : null;
}

}  // namespace varve::protocol::otlp_json

#endif  // VARVE_LIB_PROTOCOL_OTLP_JSON_FIELDS_H_
