// A Stream over a bound UDP socket, for net/tcp's .cc files. It is only read:
// each Read gives one datagram.
#ifndef VARVE_NET_TCP_DATAGRAM_STREAM_H_
#define VARVE_NET_TCP_DATAGRAM_STREAM_H_

#include <boost/asio/ip/udp.hpp>
#include <memory>

#include "net/tcp/asio_access.h"
#include "net/tcp/stream.h"

namespace varve::net {

// `socket` runs on `strand`'s executor. `counters` may be null.
std::unique_ptr<Stream> MakeDatagramStream(
    asio::ip::udp::socket socket, Strand strand,
    std::shared_ptr<TrafficCounters> counters);

}  // namespace varve::net

#endif  // VARVE_NET_TCP_DATAGRAM_STREAM_H_
