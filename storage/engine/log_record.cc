#include "storage/engine/log_record.h"

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"

namespace varve::storage {

void AppendDefinition(std::string& record, const LoggedDefinition& definition) {
  base::PutVarint(record, definition.id);
  record.push_back(static_cast<char>(definition.tenant.kind));
  base::PutFixedLe<uint64_t>(record, definition.tenant.id);
  base::PutLengthPrefixed(record, definition.labels);
}

absl::StatusOr<std::vector<LoggedDefinition>> ParseDefinitions(
    std::string_view record) {
  base::ByteReader reader(record);
  std::vector<LoggedDefinition> definitions;
  while (!reader.empty()) {
    LoggedDefinition& definition = definitions.emplace_back();
    definition.id = reader.Varint();
    definition.tenant.kind = reader.FixedLe<uint8_t>();
    definition.tenant.id = reader.FixedLe<uint64_t>();
    definition.labels = reader.LengthPrefixed();
  }
  if (!reader.ok()) {
    return base::DataLoss("DEFINE record of ", record.size(),
                          " bytes is cut in series ", definitions.size());
  }
  return definitions;
}

std::string StateRecord(std::string_view key, std::string_view value) {
  std::string record;
  base::PutLengthPrefixed(record, key);
  base::PutLengthPrefixed(record, value);
  return record;
}

absl::StatusOr<LoggedState> ParseState(std::string_view record) {
  base::ByteReader reader(record);
  LoggedState state;
  state.key = reader.LengthPrefixed();
  state.value = reader.LengthPrefixed();
  if (!reader.AtEnd()) {
    return base::DataLoss("STATE record of ", record.size(), " bytes");
  }
  return state;
}

}  // namespace varve::storage
