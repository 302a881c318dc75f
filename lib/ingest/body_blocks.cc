#include "lib/ingest/body_blocks.h"

#include <algorithm>

#include "lib/base/allocator.h"
#include "lib/base/status.h"

namespace varve::ingest {
namespace {

// Large beside what a block costs to hand on, small beside what a process has.
constexpr size_t kBlockBytes = 1 << 20;

// Gives back what a long record has taken: the allocator would keep it, in each
// of its arenas.
void Release(std::string& buffer) {
  const bool large = buffer.capacity() > 4 * kBlockBytes;
  std::string().swap(buffer);
  if (large) base::ReturnFreeMemory();
}

}  // namespace

RecordForm LineRecords(int64_t line_bytes_max) {
  return {.whole =
              [](std::string_view bytes, bool) {
                const size_t newline = bytes.rfind('\n');
                return newline == std::string_view::npos ? 0 : newline + 1;
              },
          .bytes_max = line_bytes_max,
          .flag = "import.maxLineLen"};
}

absl::Status BodyBlocks::Fill(size_t bytes) {
  if (bytes > kBlockBytes) buffer_.reserve(bytes);  // not twice as much
  while (!ended_ && buffer_.size() < bytes) {
    const size_t before = buffer_.size();
    RETURN_IF_ERROR(reader_.Read(bytes - before, buffer_));
    ended_ = buffer_.size() == before;
  }
  const auto so_far = start_ + static_cast<int64_t>(buffer_.size());
  if (limit_.bytes_max > 0 && so_far > limit_.bytes_max) {
    return base::InvalidArgument("too big request body; the limit is ",
                                 limit_.flag, "=", limit_.bytes_max, " bytes");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string_view> BodyBlocks::Next() {
  start_ += static_cast<int64_t>(block_bytes_);
  buffer_.erase(0, block_bytes_);
  block_bytes_ = 0;
  const auto record_max = static_cast<size_t>(form_.bytes_max);
  const size_t bytes_max = std::max(record_max + 1, kBlockBytes);
  for (size_t wanted = kBlockBytes; block_bytes_ == 0; wanted *= 2) {
    const absl::Status filled = Fill(std::min(wanted, bytes_max));
    if (!filled.ok()) {
      Release(buffer_);
      return filled;
    }
    const std::string_view bytes = buffer_;
    block_bytes_ = ended_ ? bytes.size() : form_.whole(bytes, start_ == 0);
    if (ended_) break;
    if (block_bytes_ == 0 && bytes.size() > record_max) {
      Release(buffer_);
      // A shorter one is the reader's to skip when it is over the limit.
      return base::InvalidArgument("a record of the import is longer than -",
                                   form_.flag, "=", record_max, " bytes");
    }
  }
  if (block_bytes_ == 0) Release(buffer_);
  return std::string_view(buffer_).substr(0, block_bytes_);
}

}  // namespace varve::ingest
