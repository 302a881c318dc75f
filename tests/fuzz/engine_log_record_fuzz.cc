// DEFINE, STATE and DELETE records of the log: any bytes are records or an error.
#include <cstdint>
#include <string>
#include <string_view>

#include "storage/engine/log_record.h"
#include "storage/engine/tombstone.h"
#include "tests/fuzz/seeds.h"

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  std::string record;
  for (uint64_t id = 1; id < 4; ++id) {
    varve::storage::AppendDefinition(
        record, {.id = id, .tenant = {0, id}, .labels = "labels"});
  }
  add(record.data(), record.size());
  const std::string state = varve::storage::StateRecord("ring/1", "value");
  add(state.data(), state.size());
  varve::storage::Tombstone tombstone;
  tombstone.range = {1, 2};
  tombstone.groups = {{{varve::model::MatchType::kRegex, "job", "a|b"}}, {}};
  for (uint32_t id = 1; id < 40; ++id) tombstone.ids.add(id * id);
  const std::string deletion = varve::storage::DeleteRecord(tombstone);
  add(deletion.data(), deletion.size());
  const std::string row = varve::storage::TombstoneRow(tombstone, {7, 9});
  add(row.data(), row.size());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto definitions = varve::storage::ParseDefinitions(bytes);
  if (definitions.ok()) {
    for (const auto& one : *definitions) {
      if (one.labels.size() > bytes.size()) __builtin_trap();
    }
  }
  const auto state = varve::storage::ParseState(bytes);
  if (state.ok() && state->key.size() + state->value.size() > bytes.size()) {
    __builtin_trap();
  }
  const auto deletion = varve::storage::ParseDelete(bytes);
  if (deletion.ok()) {
    // What is read is written and read again as the same.
    const auto again =
        varve::storage::ParseDelete(varve::storage::DeleteRecord(*deletion));
    if (!again.ok() || again->ids != deletion->ids ||
        again->groups != deletion->groups) {
      __builtin_trap();
    }
  }
  varve::storage::Tombstone tombstone;
  std::set<int32_t> days;
  (void)varve::storage::ParseTombstoneRow(bytes, tombstone, days).ok();
  return 0;
}
