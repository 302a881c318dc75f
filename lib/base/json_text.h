// A text as JSON has it, quotes and all; bytes from 0x80 up stay as they are.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_BASE_JSON_TEXT_H_
#define VARVE_LIB_BASE_JSON_TEXT_H_

#include <string>
#include <string_view>

namespace varve::base {

inline void AppendJsonText(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20) {
      out.append("\\u00");
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

inline std::string JsonText(std::string_view text) {
  std::string out;
  AppendJsonText(out, text);
  return out;
}

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_JSON_TEXT_H_
