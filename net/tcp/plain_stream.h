// A Stream over a connected TCP socket without TLS. For net/tcp's .cc files.
#ifndef VARVE_NET_TCP_PLAIN_STREAM_H_
#define VARVE_NET_TCP_PLAIN_STREAM_H_

#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "net/tcp/asio_access.h"
#include "net/tcp/stream.h"

namespace varve::net {

std::string EndpointText(const asio::ip::tcp::endpoint& endpoint);

// `socket` runs on `strand`'s executor. `counters` may be null.
std::unique_ptr<Stream> MakePlainStream(
    asio::ip::tcp::socket socket, Strand strand,
    std::shared_ptr<TrafficCounters> counters);

}  // namespace varve::net

#endif  // VARVE_NET_TCP_PLAIN_STREAM_H_
