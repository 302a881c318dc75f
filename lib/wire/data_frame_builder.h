// Builds the payload of a DATA call row by row: a data record
// (lib/encoding/data_record.h) inside a frame (lib/wire/data_frame.h).
//
// Threads: a builder belongs to one thread.
#ifndef VARVE_LIB_WIRE_DATA_FRAME_BUILDER_H_
#define VARVE_LIB_WIRE_DATA_FRAME_BUILDER_H_

#include <cstdint>
#include <span>
#include <string>

#include "lib/encoding/data_record.h"
#include "lib/model/tenant.h"
#include "lib/wire/data_frame.h"

namespace varve::wire {

// Rows of one frame when writes are cut: even rows that do not compress, 28
// bytes each at worst, stay far below the frame limit.
inline constexpr uint32_t kFrameRows = 1 << 19;

class DataFrameBuilder {
 public:
  void Start(uint64_t ring, int64_t accept_ms) {
    record_.Start(ring, accept_ms);
  }
  // REQUIRES: at most encoding::kRowsMax rows between Start and Finish.
  void Add(const model::TenantId& tenant, uint64_t ref,
           std::span<const int64_t> timestamps_ms,
           std::span<const double> values) {
    record_.Add(tenant.kind, tenant.id, ref, timestamps_ms, values);
  }
  encoding::KindSections& kinds() { return record_.kinds(); }
  // Of all kinds.
  uint32_t rows() const { return record_.rows(); }
  std::string Finish(uint8_t ack, uint64_t ref_epoch, bool compress) {
    return EncodeDataFrame(record_.Finish(), ack, ref_epoch, compress);
  }

 private:
  encoding::DataRecordBuilder record_;
};

}  // namespace varve::wire

#endif  // VARVE_LIB_WIRE_DATA_FRAME_BUILDER_H_
