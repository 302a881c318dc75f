// The body of an import, decoded and cut into blocks of whole records (lines,
// or whatever a format has), so that one of any size needs bounded memory.
//
// Errors:  those of http::BodyReader; InvalidArgument for a record that is too
//          long and for a body over its tenant's limit.
// Threads: belongs to the handler's.
#ifndef VARVE_LIB_INGEST_BODY_BLOCKS_H_
#define VARVE_LIB_INGEST_BODY_BLOCKS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "net/http/body_reader.h"

namespace varve::ingest {

// How large a body may be, and the flag that says so.
struct BodyLimit {
  int64_t bytes_max = 0;
  const char* flag = nullptr;
};

struct RecordForm {
  // How many bytes of `bytes` are whole records; `first`: they begin the body.
  size_t (*whole)(std::string_view bytes, bool first) = nullptr;
  // Of a record, and the flag that says so; a MiB when it is less.
  int64_t bytes_max = 0;
  const char* flag = "";
};

// Records that end at a newline each.
RecordForm LineRecords(int64_t line_bytes_max);

class BodyBlocks {
 public:
  // `request` outlives it. `whole`: of a body that cannot be streamed; `all`:
  // of any, after decompression; 0 for none.
  BodyBlocks(const http::Request& request, BodyLimit whole, BodyLimit all,
             RecordForm form)
      : reader_(request, whole.bytes_max, whole.flag),
        limit_(all),
        form_(form) {}

  // The next block, a MiB or so, or a record that is larger; none at the end.
  // What comes behind the last whole record is the last block. Valid until the
  // next call.
  absl::StatusOr<std::string_view> Next();

  // Where in the decoded body the last block begins.
  int64_t start() const { return start_; }
  // The last block given out is the last there is.
  bool ended() const { return ended_ && block_bytes_ == buffer_.size(); }

 private:
  absl::Status Fill(size_t bytes);

  http::BodyReader reader_;
  const BodyLimit limit_;
  const RecordForm form_;
  std::string buffer_;
  size_t block_bytes_ = 0;  // of buffer_, given out
  int64_t start_ = 0;
  bool ended_ = false;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_BODY_BLOCKS_H_
