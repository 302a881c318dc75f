// A JSON string of a text, for the small answers of ingestion.
#ifndef VARVE_LIB_INGEST_JSON_TEXT_H_
#define VARVE_LIB_INGEST_JSON_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace varve::ingest {

// With its quotes. Control characters become spaces.
inline std::string JsonQuoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(static_cast<uint8_t>(c) < 0x20 ? ' ' : c);
  }
  quoted.push_back('"');
  return quoted;
}

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_JSON_TEXT_H_
