#include "lib/protocol/otlp_text.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <charconv>
#include <cmath>

#include "absl/strings/escaping.h"
#include "lib/base/strings.h"

namespace varve::protocol {
namespace {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

std::string Base64(std::string_view bytes) {
  return absl::Base64Escape(base::ToAbsl(bytes));
}

void WriteText(std::string_view text, JsonWriter& writer) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void WriteJson(const OtlpValue& value, JsonWriter& writer) {
  switch (value.kind) {
    case OtlpValue::Kind::kNone:
      writer.Null();
      break;
    case OtlpValue::Kind::kString:
      WriteText(value.text, writer);
      break;
    case OtlpValue::Kind::kBool:
      writer.Bool(value.integer != 0);
      break;
    case OtlpValue::Kind::kInt:
      writer.Int64(value.integer);
      break;
    case OtlpValue::Kind::kDouble: {
      const std::string text = FloatText(value.number);
      if (std::isfinite(value.number)) {
        writer.RawValue(text.data(), text.size(), rapidjson::kNumberType);
      } else {
        WriteText(text, writer);
      }
      break;
    }
    case OtlpValue::Kind::kBytes:
      WriteText(Base64(value.text), writer);
      break;
    case OtlpValue::Kind::kArray:
      writer.StartArray();
      for (const OtlpAttribute& child : value.children) {
        WriteJson(child.value, writer);
      }
      writer.EndArray();
      break;
    case OtlpValue::Kind::kMap:
      writer.StartObject();
      for (const OtlpAttribute& child : value.children) {
        WriteText(child.key, writer);
        WriteJson(child.value, writer);
      }
      writer.EndObject();
      break;
  }
}

}  // namespace

std::string FloatText(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "+Inf" : "-Inf";
  char buffer[400];  // 5e-324 takes 326
  const auto [end, ec] = std::to_chars(buffer, buffer + sizeof(buffer), number,
                                       std::chars_format::fixed);
  return std::string(buffer, end);
}

std::string ValueText(const OtlpValue& value) {
  switch (value.kind) {
    case OtlpValue::Kind::kNone:
      return "";
    case OtlpValue::Kind::kString:
      return std::string(value.text);
    case OtlpValue::Kind::kBool:
      return value.integer != 0 ? "true" : "false";
    case OtlpValue::Kind::kInt:
      return base::StrCat(value.integer);
    case OtlpValue::Kind::kDouble:
      return FloatText(value.number);
    case OtlpValue::Kind::kBytes:
      return Base64(value.text);
    case OtlpValue::Kind::kArray:
    case OtlpValue::Kind::kMap:
      break;
  }
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  WriteJson(value, writer);
  return std::string(buffer.GetString(), buffer.GetSize());
}

}  // namespace varve::protocol
