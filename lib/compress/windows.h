// What decompressors accept. For lib/compress's .cc files.
#ifndef VARVE_LIB_COMPRESS_WINDOWS_H_
#define VARVE_LIB_COMPRESS_WINDOWS_H_

namespace varve::compress {

// Senders use levels of zstd with windows up to 8 MiB; a frame may ask for
// gigabytes, which a decoder must refuse.
inline constexpr int kZstdWindowLogMax = 23;

// zlib's windowBits: all of them, and gzip or zlib by the header (zlib.h).
inline constexpr int kEitherHeader = 15 + 32;

}  // namespace varve::compress

#endif  // VARVE_LIB_COMPRESS_WINDOWS_H_
