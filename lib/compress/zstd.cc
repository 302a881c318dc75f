#define ZSTD_STATIC_LINKING_ONLY  // ZSTD_createDCtx_advanced
#include <sys/mman.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "lib/base/status.h"
#include "lib/compress/compress.h"
#include "lib/compress/measured.h"
#include "lib/compress/windows.h"

namespace varve::compress {
namespace {


// A context has the window of the frames it has read, while a thread's next
// body is most often one that needs none. The rest of it is 160 KiB.
constexpr size_t kContextBytesKept = 1 << 20;

// A decoder's memory. What is large, windows, goes straight back to the kernel:
// the allocator would keep it, in each of its arenas.
constexpr size_t kMappedBytesMin = 1 << 20;
struct alignas(64) MemoryHead {
  size_t mapped_bytes;  // with the head; 0: of malloc
};

void* Allocate(void*, size_t bytes) {
  bytes += sizeof(MemoryHead);
  const bool map = bytes >= kMappedBytesMin;
  void* const memory =
      map ? mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
          : std::aligned_alloc(alignof(MemoryHead),
                               (bytes + alignof(MemoryHead) - 1) &
                                   ~(alignof(MemoryHead) - 1));
  if (memory == nullptr || memory == MAP_FAILED) return nullptr;
  auto* const head = static_cast<MemoryHead*>(memory);
  head->mapped_bytes = map ? bytes : 0;
  return head + 1;
}

void Release(void*, void* address) {
  if (address == nullptr) return;
  auto* const head = static_cast<MemoryHead*>(address) - 1;
  if (head->mapped_bytes == 0) {
    std::free(head);
  } else {
    (void)munmap(head, head->mapped_bytes);  // fails only for what is not ours
  }
}

struct FreeDctx {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
struct FreeCctx {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

// The thread's context, ready for a body; without the memory that unusual ones
// make it take. One at a time in a thread.
class KeptDctx {
 public:
  KeptDctx() {
    if (kept() == nullptr) {
      kept().reset(ZSTD_createDCtx_advanced({Allocate, Release, nullptr}));
      if (kept() == nullptr) return;
      ZSTD_DCtx_setParameter(kept().get(), ZSTD_d_windowLogMax,
                             kZstdWindowLogMax);
    }
    ZSTD_DCtx_reset(kept().get(), ZSTD_reset_session_only);
  }
  ~KeptDctx() {
    if (ZSTD_sizeof_DCtx(kept().get()) > kContextBytesKept) kept().reset();
  }
  KeptDctx(const KeptDctx&) = delete;
  KeptDctx& operator=(const KeptDctx&) = delete;

  ZSTD_DCtx* get() { return kept().get(); }  // null: no memory

 private:
  static std::unique_ptr<ZSTD_DCtx, FreeDctx>& kept() {
    thread_local std::unique_ptr<ZSTD_DCtx, FreeDctx> context;
    return context;
  }
};

ZSTD_CCtx* ThreadCompressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeCctx> context(
      ZSTD_createCCtx());
  return context.get();
}

// Room for the first piece: what the frame claims where that is plausible.
size_t FirstBytes(std::string_view src, size_t bytes_max) {
  constexpr size_t kUsualRatio = 8;
  const size_t guess = std::max(kGrowBytes, src.size() * kUsualRatio);
  const unsigned long long claimed =
      ZSTD_getFrameContentSize(src.data(), src.size());
  const bool known = claimed != ZSTD_CONTENTSIZE_UNKNOWN &&
                     claimed != ZSTD_CONTENTSIZE_ERROR;
  const size_t wanted =
      known ? std::min<unsigned long long>(claimed, guess) : guess;
  return std::min(wanted, bytes_max);
}

absl::Status Decompress(std::string_view src, const OutputBound& bound,
                        std::string& out) {
  out.clear();
  KeptDctx context;
  if (context.get() == nullptr) {
    return base::ResourceExhausted("zstd: no memory");
  }
  if (src.empty()) return base::InvalidArgument("zstd: no data");
  ZSTD_inBuffer in = {src.data(), src.size(), 0};
  // One byte more than allowed shows whether there is more.
  out.resize(FirstBytes(src, bound.bytes_max()) + 1);
  size_t made = 0;
  size_t result = 1;  // 0 after a whole frame
  while (true) {
    ZSTD_outBuffer to = {out.data(), out.size(), made};
    const size_t read_before = in.pos;
    result = ZSTD_decompressStream(context.get(), &to, &in);
    if (ZSTD_isError(result)) {
      return base::InvalidArgument("zstd: ", ZSTD_getErrorName(result),
                                   " after ", to.pos, " decompressed bytes");
    }
    const bool progress = to.pos > made || in.pos > read_before;
    made = to.pos;
    // Asked again it would wait for a further frame.
    if (result == 0 && in.pos == in.size) break;
    if (made == out.size()) {
      RETURN_IF_ERROR(bound.Grow(made, in.pos, out));
    } else if (in.pos == in.size || !progress) {
      break;
    }
  }
  if (made > bound.bytes_max()) return bound.TooMuch();
  if (result != 0) {
    return base::InvalidArgument("zstd: cut data after ", made,
                                 " decompressed bytes");
  }
  out.resize(made);
  return absl::OkStatus();
}

// How many bytes there are, up to `bytes_max` and a few more; fewer when the
// data is damaged, which Decompress says.
size_t Measure(std::string_view src, size_t bytes_max) {
  KeptDctx context;
  ZSTD_inBuffer in = {src.data(), src.size(), 0};
  char piece[kMeasureBytes];
  size_t made = 0;
  while (context.get() != nullptr && made <= bytes_max) {
    const size_t read_before = in.pos;
    ZSTD_outBuffer to = {piece, sizeof(piece), 0};
    if (ZSTD_isError(ZSTD_decompressStream(context.get(), &to, &in))) break;
    made += to.pos;
    if (to.pos == 0 && in.pos == read_before) break;
  }
  return made;
}

}  // namespace

absl::Status ZstdDecompress(std::string_view src, size_t bytes_max,
                            std::string& out) {
  return DecompressMeasured(
      "zstd", bytes_max, out,
      [&](const OutputBound& bound) { return Decompress(src, bound, out); },
      [src](size_t up_to) { return Measure(src, up_to); });
}

void ZstdCompress(std::string_view src, int level, std::string& out) {
  out.resize(ZSTD_compressBound(src.size()));
  ZSTD_CCtx* const context = ThreadCompressor();
  if (context == nullptr) throw std::bad_alloc();
  const size_t size = ZSTD_compressCCtx(context, out.data(), out.size(),
                                        src.data(), src.size(), level);
  if (ZSTD_isError(size)) throw std::bad_alloc();  // the only way to fail here
  out.resize(size);
}

}  // namespace varve::compress
