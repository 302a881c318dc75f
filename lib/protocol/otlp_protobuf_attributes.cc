#include "lib/protocol/otlp_protobuf_attributes.h"

#include <bit>
#include <utility>

#include "lib/base/status.h"
#include "lib/protocol/proto_fields.h"

namespace varve::protocol {
namespace {

using base::InvalidArgument;

absl::Status Broken() { return InvalidArgument("OTLP: broken attribute"); }

// Takes the bytes of the field that `message` begins with; false for a field of
// another tag, and for 16 KiB and more.
bool TakeBytes(char tag, std::string_view& message, std::string_view& bytes) {
  if (message.size() < 2 || message[0] != tag) return false;
  size_t size = static_cast<uint8_t>(message[1]);
  size_t head = 2;
  if (size >= 0x80) {
    if (message.size() < 3 || static_cast<uint8_t>(message[2]) >= 0x80) {
      return false;
    }
    size = (size & 0x7f) | static_cast<size_t>(message[2]) << 7;
    head = 3;
  }
  if (size > message.size() - head) return false;
  bytes = message.substr(head, size);
  message.remove_prefix(head + size);
  return true;
}

// A KeyValue of a key and a text, each once and in this order, as nearly all
// senders write all of theirs.
bool ReadPlain(std::string_view message, std::string_view& key,
               std::string_view& text) {
  constexpr char kKey = '\x0a', kValue = '\x12', kString = '\x0a';
  std::string_view value;
  return TakeBytes(kKey, message, key) && TakeBytes(kValue, message, value) &&
         message.empty() && TakeBytes(kString, value, text) && value.empty();
}

}  // namespace

absl::Status OtlpAttributeReader::Count() {
  if (++values_ <= kOtlpAttributesMax) return absl::OkStatus();
  return InvalidArgument("OTLP: a data point, scope or resource has more than ",
                         kOtlpAttributesMax, " attributes");
}

absl::Status OtlpAttributeReader::ReadValues(std::string_view message,
                                             int depth, bool keys,
                                             OtlpAttributes& children) {
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken();
    if (field.number != 1 || field.type != kBytes) continue;
    if (keys) {
      RETURN_IF_ERROR(ReadKeyValue(field.bytes, depth, children));
    } else {
      RETURN_IF_ERROR(Count());
      RETURN_IF_ERROR(
          ReadValue(field.bytes, depth, children.emplace_back().value));
    }
  }
  return absl::OkStatus();
}

absl::Status OtlpAttributeReader::ReadValue(std::string_view message, int depth,
                                            OtlpValue& value) {
  using Kind = OtlpValue::Kind;
  if (depth > kOtlpDepthMax) {
    return InvalidArgument("OTLP: attributes are nested deeper than ",
                           kOtlpDepthMax);
  }
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken();
    if (field.type == kVarint && (field.number == 2 || field.number == 3)) {
      value.kind = field.number == 2 ? Kind::kBool : Kind::kInt;
      value.integer = static_cast<int64_t>(field.scalar);
    } else if (field.type == kFixed64 && field.number == 4) {
      value.kind = Kind::kDouble;
      value.number = std::bit_cast<double>(field.scalar);
    } else if (field.type == kBytes &&
               (field.number == 1 || field.number == 7)) {
      value.kind = field.number == 1 ? Kind::kString : Kind::kBytes;
      value.text = field.bytes;
    } else if (field.type == kBytes &&
               (field.number == 5 || field.number == 6)) {
      const bool map = field.number == 6;
      value.kind = map ? Kind::kMap : Kind::kArray;
      value.children.clear();
      RETURN_IF_ERROR(ReadValues(field.bytes, depth + 1, map, value.children));
    }
  }
  return absl::OkStatus();
}

absl::Status OtlpAttributeReader::ReadKeyValue(std::string_view message,
                                               int depth,
                                               OtlpAttributes& attributes) {
  RETURN_IF_ERROR(Count());
  OtlpAttribute& attribute = attributes.emplace_back();
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken();
    if (field.type != kBytes) continue;
    if (field.number == 1) attribute.key = field.bytes;
    if (field.number == 2) {
      RETURN_IF_ERROR(ReadValue(field.bytes, depth, attribute.value));
    }
  }
  return absl::OkStatus();
}

absl::Status OtlpAttributeReader::ReadOfPoint(std::string_view field,
                                              std::string_view message,
                                              OtlpPoint& point) {
  std::string_view& plain = point.plain_attributes;
  const bool follows =
      plain.empty() || plain.data() + plain.size() == field.data();
  std::string_view key, text;
  if (point.attributes.empty() && follows && ReadPlain(message, key, text)) {
    plain = {plain.empty() ? field.data() : plain.data(),
             plain.size() + field.size()};
    return Count();
  }
  // All of them in the order in which they came: of equal keys the last counts.
  ReadPlainAttributes(std::exchange(plain, {}), point.attributes);
  return Read(message, point.attributes);
}

void ReadPlainAttributes(std::string_view fields, OtlpAttributes& attributes) {
  Fields each(fields);
  Field field;
  while (!each.done() && each.Next(field)) {
    OtlpAttribute& attribute = attributes.emplace_back();
    attribute.value.kind = OtlpValue::Kind::kString;
    (void)ReadPlain(field.bytes, attribute.key, attribute.value.text);
  }
}

}  // namespace varve::protocol
