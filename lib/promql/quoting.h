// Quoted strings of the language: "…" and '…' with escapes, `…` without.
//
// Errors:  InvalidArgument with Prometheus' words.
// Threads: free functions without state.
// Source:  docs/querying/basics.md "String literals" (Go's escapes).
#ifndef VARVE_LIB_PROMQL_QUOTING_H_
#define VARVE_LIB_PROMQL_QUOTING_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace varve::promql {

// `quoted` includes its quotes. \xNN gives the byte, valid UTF-8 or not.
absl::StatusOr<std::string> Unquote(std::string_view quoted);

// The bytes a quoted string takes at the start of `text`, quotes included.
// REQUIRES: text begins with a quote.
absl::StatusOr<size_t> QuotedSize(std::string_view text);

// Well-formed UTF-8, no surrogates, nothing beyond U+10FFFF.
bool IsUtf8(std::string_view text);

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_QUOTING_H_
