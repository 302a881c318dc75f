// Payloads of the log's DEFINE and STATE records; DATA records are
// lib/encoding/data_record.h.
//
//   define := { id:varint kind:u8 tenant:u64 labels:varint-prefixed }*
//   state  := key:varint-prefixed value:varint-prefixed
//
// labels are canonical bytes (lib/model/label.h). Little endian.
//
// Errors:  DataLoss for missing or surplus bytes.
// Threads: free functions without state.
#ifndef VARVE_STORAGE_ENGINE_LOG_RECORD_H_
#define VARVE_STORAGE_ENGINE_LOG_RECORD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/tenant.h"

namespace varve::storage {

struct LoggedDefinition {
  uint64_t id = 0;
  model::TenantId tenant;
  std::string_view labels;  // into the record
};

void AppendDefinition(std::string& record, const LoggedDefinition& definition);
absl::StatusOr<std::vector<LoggedDefinition>> ParseDefinitions(
    std::string_view record);

struct LoggedState {
  std::string_view key;  // into the record
  std::string_view value;
};

std::string StateRecord(std::string_view key, std::string_view value);
absl::StatusOr<LoggedState> ParseState(std::string_view record);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_LOG_RECORD_H_
