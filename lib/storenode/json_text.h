// A string as JSON has it, quotes and all.
#ifndef VARVE_LIB_STORENODE_JSON_TEXT_H_
#define VARVE_LIB_STORENODE_JSON_TEXT_H_

#include <string>
#include <string_view>

#include "absl/strings/str_format.h"

namespace varve::storenode {

inline std::string JsonText(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_JSON_TEXT_H_
