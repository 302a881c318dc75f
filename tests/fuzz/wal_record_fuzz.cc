// Segments of the log after a crash or a bad disk: any bytes are records or
// damage, and reading them comes to an end.
#include <cstdint>
#include <string>
#include <string_view>

#include "storage/wal/record.h"
#include "tests/fuzz/seeds.h"

using varve::storage::AppendRecord;
using varve::storage::FindRecord;
using varve::storage::PackPayload;
using varve::storage::ParseRecord;
using varve::storage::ParseSegmentFileName;
using varve::storage::ParseSegmentHeader;
using varve::storage::RecordType;
using varve::storage::UnpackPayload;

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  std::string log;
  AppendRecord(log, RecordType::kData, {"payload"}, log.size(), 0);
  const std::string even(1000, 'x');
  const std::string packed = PackPayload(even);
  AppendRecord(log, RecordType::kDefine, {packed, 1000}, log.size(), 7);
  add(log.data(), log.size());
  const std::string header =
      varve::storage::SegmentHeaderBytes({0x1234, 0x5678});
  add(header.data(), header.size());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)ParseSegmentHeader(bytes);
  (void)ParseSegmentFileName(bytes);
  std::string scratch;
  size_t at = 0;
  while (at < bytes.size()) {
    const auto record = ParseRecord(bytes.substr(at), at);
    if (record.ok()) {
      const auto payload = UnpackPayload(record->payload, scratch);
      if (payload.ok() && record->payload.raw_size != 0 &&
          payload->size() != record->payload.raw_size) {
        __builtin_trap();
      }
      if (record->bytes == 0 || record->bytes > bytes.size() - at) {
        __builtin_trap();
      }
      at += record->bytes;
      continue;
    }
    const auto next = FindRecord(bytes, at + 1, 0);
    if (!next) break;
    if (*next <= at) __builtin_trap();
    at = *next;
  }
  return 0;
}
