#include "lib/relabel/letter_case.h"

#include <locale.h>
#include <wctype.h>

#include <cstdint>

#include "absl/strings/ascii.h"

namespace varve::relabel {
namespace {

locale_t Utf8Locale() {
  static const locale_t locale =
      newlocale(LC_CTYPE_MASK, "C.UTF-8", static_cast<locale_t>(0));
  return locale;
}

// The size of the UTF-8 sequence at the front and its character; 0 when it is
// none. Only sequences of two and more bytes are asked for.
size_t Decode(std::string_view text, char32_t& character) {
  const auto first = static_cast<uint8_t>(text[0]);
  const size_t size = first >= 0xF0 && first < 0xF8 ? 4
                      : first >= 0xE0 && first < 0xF0 ? 3
                      : first >= 0xC2 && first < 0xE0 ? 2
                                                      : 0;
  if (size == 0 || text.size() < size) return 0;
  character = first & (0xFF >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if ((next & 0xC0) != 0x80) return 0;
    character = character << 6 | (next & 0x3F);
  }
  return size;
}

void Encode(char32_t character, std::string& out) {
  if (character < 0x80) {
    out.push_back(static_cast<char>(character));
    return;
  }
  const int more = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
  constexpr uint8_t kLeads[] = {0, 0xC0, 0xE0, 0xF0};
  out.push_back(static_cast<char>(kLeads[more] | (character >> (6 * more))));
  for (int i = more - 1; i >= 0; --i) {
    out.push_back(static_cast<char>(0x80 | ((character >> (6 * i)) & 0x3F)));
  }
}

template <typename Ascii, typename Wide>
std::string Changed(std::string_view text, Ascii ascii, Wide wide) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    char32_t character = 0;
    const auto first = static_cast<unsigned char>(text[0]);
    const size_t size = first < 0x80 ? 0 : Decode(text, character);
    if (size == 0 || Utf8Locale() == static_cast<locale_t>(0)) {
      out.push_back(first < 0x80 ? ascii(first) : text[0]);
      text.remove_prefix(1);
      continue;
    }
    Encode(static_cast<char32_t>(wide(static_cast<wint_t>(character))), out);
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace

std::string ToUpperCase(std::string_view text) {
  return Changed(
      text, [](unsigned char c) { return absl::ascii_toupper(c); },
      [](wint_t c) { return towupper_l(c, Utf8Locale()); });
}

std::string ToLowerCase(std::string_view text) {
  return Changed(
      text, [](unsigned char c) { return absl::ascii_tolower(c); },
      [](wint_t c) { return towlower_l(c, Utf8Locale()); });
}

}  // namespace varve::relabel
