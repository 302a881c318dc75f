// The items of a JSON array or object as spans of its text, and one item read.
//
// A body of many events is walked by spans, and each event is read on its own,
// so that memory goes with the largest event and not with the body.
//
// Threads: belong to one thread.
#ifndef VARVE_LIB_PROTOCOL_JSON_ITEMS_H_
#define VARVE_LIB_PROTOCOL_JSON_ITEMS_H_

#include <simdjson.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace varve::protocol {

// An item that is read takes about ten times its text.
inline constexpr size_t kJsonItemBytesMax = 1 << 20;

class JsonItems {
 public:
  // Keeps a view of `text`, an array or an object.
  explicit JsonItems(std::string_view text);

  // Neither: everything is false.
  bool is_array() const { return kind_ == '['; }
  bool is_object() const { return kind_ == '{'; }

  // False at the end and at what is no JSON. `key`: of an object's item,
  // between its quotes, escapes as they are.
  bool Next(std::string_view& key, std::string_view& value);
  // Of an array, or an object's values.
  bool Next(std::string_view& value) {
    std::string_view key;
    return Next(key, value);
  }
  // After Next was false: the end was reached and nothing follows it. The
  // items' own text is not checked.
  bool complete() const { return complete_; }

 private:
  void SkipSpace();
  bool TakeValue(std::string_view& value);
  bool TakeString(std::string_view& text);  // between the quotes

  std::string_view rest_;
  char kind_ = '\0';
  bool first_ = true;
  bool complete_ = false;
};

// Reads items, one at a time.
class JsonItemReader {
 public:
  // Nothing for what is no JSON, or longer than kJsonItemBytesMax. The element
  // lives until the next Read.
  std::optional<simdjson::dom::element> Read(std::string_view text);

 private:
  simdjson::dom::parser parser_;
  std::string padded_;
};

// A number, or a string that reads as one.
std::optional<double> JsonNumber(const simdjson::dom::element& element);
// "" for what is no string.
std::string_view JsonString(const simdjson::dom::element& element);
// The member of an object; nothing for null and where there is none.
std::optional<simdjson::dom::element> JsonMember(
    const simdjson::dom::element& object, std::string_view key);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_JSON_ITEMS_H_
