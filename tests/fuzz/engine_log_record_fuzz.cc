// DEFINE and STATE records of the log: any bytes are records or an error.
#include <cstdint>
#include <string>
#include <string_view>

#include "storage/engine/log_record.h"
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
  return 0;
}
