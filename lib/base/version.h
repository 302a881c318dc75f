// The release of this source.
#ifndef VARVE_LIB_BASE_VERSION_H_
#define VARVE_LIB_BASE_VERSION_H_

#include <string_view>

namespace varve::base {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_VERSION_H_
