// What ThreadSanitizer cannot judge: Debian's RocksDB is not instrumented, so
// its atomics are invisible, and a delete after its reference counts dropped
// to zero looks like a race with reads through memcmp before. Without
// ThreadSanitizer nobody asks for this.
extern "C" const char* __tsan_default_suppressions();  // NOLINT

extern "C" const char* __tsan_default_suppressions() {  // NOLINT
  return "race:librocksdb.so\n";
}
