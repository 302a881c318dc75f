// Joins pieces of text into one std::string.
//
// In:      anything absl::StrCat takes, and std::string_view, which Debian's
//          Abseil does not take because its string_view is a type of its own.
// Threads: free functions without state.
#ifndef VARVE_LIB_BASE_STRINGS_H_
#define VARVE_LIB_BASE_STRINGS_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace varve::base {

inline absl::string_view ToAbsl(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}

inline std::string_view FromAbsl(absl::string_view text) {
  return std::string_view(text.data(), text.size());
}

namespace internal {
inline absl::string_view Piece(std::string_view text) { return ToAbsl(text); }
inline absl::string_view Piece(const std::string& text) { return text; }
inline absl::string_view Piece(const char* text) { return text; }
inline absl::string_view Piece(absl::string_view text) { return text; }
template <typename T>
const T& Piece(const T& value) {
  return value;
}
}  // namespace internal

template <typename... Pieces>
std::string StrCat(const Pieces&... pieces) {
  return absl::StrCat(internal::Piece(pieces)...);
}

template <typename... Pieces>
void StrAppend(std::string* out, const Pieces&... pieces) {
  absl::StrAppend(out, internal::Piece(pieces)...);
}

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_STRINGS_H_
