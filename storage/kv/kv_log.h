// The errors that RocksDB logs, in the process log, a few a minute. Its warnings
// are about what it does by itself.
//
// Why:     by default it writes a file beside the data. A full disk breaks that
//          file, and a RocksDB that is built with assertions, as Debian's is,
//          ends the process when it writes to a file that failed before.
// Threads: all members from any thread.
#ifndef VARVE_STORAGE_KV_KV_LOG_H_
#define VARVE_STORAGE_KV_KV_LOG_H_

#include <rocksdb/env.h>

#include <cstdarg>

namespace varve::storage {

class KvLog final : public rocksdb::Logger {
 public:
  KvLog() : Logger(rocksdb::ERROR_LEVEL) {}

  void LogHeader(const char* /*format*/, va_list /*values*/) override {}
  using rocksdb::Logger::Logv;
  void Logv(rocksdb::InfoLogLevel level, const char* format,
            va_list values) override;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_KV_KV_LOG_H_
