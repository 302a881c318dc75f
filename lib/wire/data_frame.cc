#include "lib/wire/data_frame.h"

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/encoding/data_record.h"
#include "lib/compress/compress.h"

namespace varve::wire {
namespace {

enum Coding : uint8_t { kPlain = 0, kLz4 = 1 };
constexpr uint8_t kAckMax = 2;

}  // namespace

std::string EncodeDataFrame(std::string_view record, uint8_t ack,
                            uint64_t ref_epoch, bool compress) {
  std::string packed;
  if (compress) compress::Lz4Compress(record, packed);
  const bool use_packed = compress && packed.size() < record.size();
  const std::string_view bytes = use_packed ? packed : record;
  std::string out;
  out.reserve(bytes.size() + 14);
  out.push_back(static_cast<char>(ack));
  out.push_back(static_cast<char>(use_packed ? kLz4 : kPlain));
  base::PutFixedLe<uint64_t>(out, ref_epoch);
  base::PutFixedLe<uint32_t>(out, static_cast<uint32_t>(record.size()));
  out.append(bytes);
  return out;
}

absl::StatusOr<DataFrame> DecodeDataFrame(std::string_view payload) {
  base::ByteReader reader(payload);
  DataFrame frame;
  frame.ack = reader.FixedLe<uint8_t>();
  const auto coding = reader.FixedLe<uint8_t>();
  frame.ref_epoch = reader.FixedLe<uint64_t>();
  const auto size = reader.FixedLe<uint32_t>();
  if (!reader.ok()) {
    return base::DataLoss("DATA frame cut in its header at ", payload.size(),
                          " bytes");
  }
  if (frame.ack > kAckMax) {
    return base::DataLoss("DATA frame with ack level ", int{frame.ack});
  }
  if (size > kRecordBytesMax) {
    return base::ResourceExhausted("DATA frame with a record of ", size,
                                   " bytes; at most ", kRecordBytesMax,
                                   " are taken");
  }
  const std::string_view bytes = reader.rest();
  switch (coding) {
    case kPlain:
      frame.plain = bytes;
      break;
    case kLz4: {
      frame.packed = bytes;
      const absl::Status status =
          compress::Lz4Decompress(bytes, size, frame.unpacked);
      if (!status.ok()) {
        return base::DataLoss("DATA frame: ", base::Message(status));
      }
      break;
    }
    default:
      return base::DataLoss("DATA frame of unknown coding ", int{coding});
  }
  if (frame.record().size() != size) {
    return base::DataLoss("DATA frame with a record of ",
                          frame.record().size(),
                          " bytes where its header says ", size);
  }
  return frame;
}

void RaiseAcceptMs(DataFrame& frame, int64_t accept_ms) {
  if (encoding::DataRecordReader(frame.record()).accept_ms() >= accept_ms) {
    return;
  }
  if (frame.unpacked.empty()) frame.unpacked = frame.plain;
  frame.packed = {};
  encoding::RaiseAcceptMs(frame.unpacked, accept_ms);
}

}  // namespace varve::wire
