// A stream whose first bytes have been read already and are read once more.
//
// Threads: as Stream.
#ifndef VARVE_NET_LINE_REPLAYED_STREAM_H_
#define VARVE_NET_LINE_REPLAYED_STREAM_H_

#include <memory>
#include <string>

#include "net/tcp/stream.h"

namespace varve::net {

std::unique_ptr<Stream> MakeReplayedStream(std::shared_ptr<Stream> stream,
                                           std::string first_bytes);

}  // namespace varve::net

#endif  // VARVE_NET_LINE_REPLAYED_STREAM_H_
