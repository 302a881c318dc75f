// Values of OTLP attributes as label values.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_PROTOCOL_OTLP_TEXT_H_
#define VARVE_LIB_PROTOCOL_OTLP_TEXT_H_

#include <string>

#include "lib/protocol/otlp_data.h"

namespace varve::protocol {

// The shortest digits that read back as the same number, without an exponent:
// 0.5, 1000000, +Inf, NaN.
std::string FloatText(double number);

// A string as it is, numbers and booleans as text, bytes as base64, arrays and
// maps as JSON; "" for no value.
std::string ValueText(const OtlpValue& value);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_OTLP_TEXT_H_
