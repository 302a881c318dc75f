#include "storage/kv/kv_log.h"

#include <array>
#include <cstdio>

#include "lib/base/log.h"

namespace varve::storage {
namespace {

constexpr int64_t kEveryMs = 10'000;
constexpr size_t kTextBytesMax = 1024;

}  // namespace

void KvLog::Logv(rocksdb::InfoLogLevel level, const char* format,
                 va_list values) {
  static base::LogEvery every(kEveryMs);
  if (level < GetInfoLogLevel() || !every.Due()) return;
  std::array<char, kTextBytesMax> text{};
  (void)std::vsnprintf(text.data(), text.size(), format, values);
  base::LogError("RocksDB: ", text.data());
}

}  // namespace varve::storage
