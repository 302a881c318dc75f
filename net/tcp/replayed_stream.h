// A stream whose first bytes have been read already and are read once more.
//
// Threads: as Stream.
#ifndef VARVE_NET_TCP_REPLAYED_STREAM_H_
#define VARVE_NET_TCP_REPLAYED_STREAM_H_

#include <memory>
#include <string>

#include "net/tcp/stream.h"

namespace varve::net {

// `peer_address` is that of the client whom a proxy has named; "": the
// stream's.
std::unique_ptr<Stream> MakeReplayedStream(std::shared_ptr<Stream> stream,
                                           std::string first_bytes,
                                           std::string peer_address = "");

}  // namespace varve::net

#endif  // VARVE_NET_TCP_REPLAYED_STREAM_H_
