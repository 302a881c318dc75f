// The binary format of VictoriaMetrics' /api/v1/export/native, written.
//
// In:      series: labels, samples in the order of their timestamps.
// Out:     a head, then blocks of one series each; integers are big endian,
//          `zigzag` and `varint` those of Protocol Buffers:
//
//            head:   zigzag i64 first ms, zigzag i64 last ms
//            record: u32 size, name, u32 size, block; until the end
//            name:   metric name 01, then for each label in order: name 01
//                    value 01; the bytes 00 01 02 as 00 and '0' '1' '2'
//            block:  zigzag varints first ms, last ms, first value;
//                    varint rows, zigzag varint e, u8 encoding of timestamps,
//                    u8 of values, u8 precision bits (64: exact), then
//                    timestamps and values as varint size and bytes
//            encoding: 1 zstd of 5; 2 constant delta: one zigzag varint;
//                    3 constant: nothing; 4 zstd of 6; 5 a first delta, then
//                    deltas of deltas; 6 deltas; all as zigzag varints
//
//          A value is v * 10^e (lib/protocol/vm_native_decimal.h); values that
//          have no e in common go to blocks of their own. NaNs other than
//          staleness markers are left out: the format has none.
// Threads: a writer belongs to one thread.
// Source:  lib/storage (block.go, metric_name.go) and lib/encoding of
//          VictoriaMetrics; bytes of its 1.145 are in the reader's test.
#ifndef VARVE_LIB_PROTOCOL_VM_NATIVE_WRITER_H_
#define VARVE_LIB_PROTOCOL_VM_NATIVE_WRITER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/model/label.h"
#include "lib/model/sample.h"
#include "lib/model/time_range.h"

namespace varve::protocol {

// What writers put into one block; readers take twice as many.
inline constexpr size_t kVmBlockRowsMax = 8 << 10;

enum class VmEncoding : uint8_t {
  kZstdDelta2 = 1,
  kConstantDelta = 2,
  kConstant = 3,
  kZstdDelta = 4,
  kDelta2 = 5,
  kDelta = 6,
};

class VmNativeWriter {
 public:
  static void AppendHead(std::string& out, model::TimeRange range);

  // The series whose samples follow.
  void Start(const model::LabelSet& labels);
  // Appends blocks of at most kVmBlockRowsMax samples.
  void Append(std::string& out, std::span<const int64_t> timestamps_ms,
              std::span<const double> values);

  // Samples that the format has no number for.
  int64_t left_out() const { return left_out_; }

 private:
  void AppendBlocks(std::string& out, std::span<const int64_t> timestamps_ms,
                    std::span<const double> values);
  void AppendBlock(std::string& out, std::span<const int64_t> timestamps_ms,
                   int e);
  // Leaves the bytes in encoded_.
  VmEncoding Encode(std::span<const int64_t> numbers);

  int64_t left_out_ = 0;
  std::string name_;
  model::SampleColumns kept_;
  std::vector<int64_t> decimals_;
  std::string plain_, encoded_, timestamps_, block_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_VM_NATIVE_WRITER_H_
