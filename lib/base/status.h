// Statuses made of pieces of text, and the two macros that pass them on.
//
// The code says what the caller should do: InvalidArgument (fix the request),
// ResourceExhausted (back off), Unavailable (retry, or another replica),
// FailedPrecondition (state must change first), DataLoss (checksum or
// format), Internal (our fault; the text starts with "BUG:").
//
//   ASSIGN_OR_RETURN(auto series, index.Find(matchers));
//   RETURN_IF_ERROR(file.Sync());
#ifndef VARVE_LIB_BASE_STATUS_H_
#define VARVE_LIB_BASE_STATUS_H_

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/strings.h"

#define RETURN_IF_ERROR(expr)                                  \
  do {                                                         \
    if (absl::Status varve_status_ = (expr); !varve_status_.ok()) \
      return varve_status_;                                    \
  } while (false)

#define VARVE_CONCAT_INNER_(a, b) a##b
#define VARVE_CONCAT_(a, b) VARVE_CONCAT_INNER_(a, b)
#define VARVE_ASSIGN_OR_RETURN_(result, lhs, expr) \
  auto result = (expr);                            \
  if (!result.ok()) return std::move(result).status(); \
  lhs = *std::move(result)
#define ASSIGN_OR_RETURN(lhs, expr) \
  VARVE_ASSIGN_OR_RETURN_(VARVE_CONCAT_(varve_result_, __LINE__), lhs, expr)

namespace varve::base {

template <typename... Pieces>
absl::Status InvalidArgument(const Pieces&... pieces) {
  return absl::InvalidArgumentError(StrCat(pieces...));
}
template <typename... Pieces>
absl::Status ResourceExhausted(const Pieces&... pieces) {
  return absl::ResourceExhaustedError(StrCat(pieces...));
}
template <typename... Pieces>
absl::Status Unavailable(const Pieces&... pieces) {
  return absl::UnavailableError(StrCat(pieces...));
}
template <typename... Pieces>
absl::Status FailedPrecondition(const Pieces&... pieces) {
  return absl::FailedPreconditionError(StrCat(pieces...));
}
template <typename... Pieces>
absl::Status DataLoss(const Pieces&... pieces) {
  return absl::DataLossError(StrCat(pieces...));
}
template <typename... Pieces>
absl::Status NotFound(const Pieces&... pieces) {
  return absl::NotFoundError(StrCat(pieces...));
}
template <typename... Pieces>
absl::Status DeadlineExceeded(const Pieces&... pieces) {
  return absl::DeadlineExceededError(StrCat(pieces...));
}
template <typename... Pieces>
absl::Status Cancelled(const Pieces&... pieces) {
  return absl::CancelledError(StrCat(pieces...));
}
template <typename... Pieces>
absl::Status Unimplemented(const Pieces&... pieces) {
  return absl::UnimplementedError(StrCat(pieces...));
}
template <typename... Pieces>
absl::Status Internal(const Pieces&... pieces) {
  return absl::InternalError(StrCat("BUG: ", pieces...));
}

inline std::string_view Message(const absl::Status& status) {
  return FromAbsl(status.message());
}

// The same code with `context: ` in front of the text; OK stays OK.
inline absl::Status Annotate(const absl::Status& status,
                             std::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), StrCat(context, ": ", Message(status)));
}

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_STATUS_H_
