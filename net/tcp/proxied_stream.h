// Takes the PROXY header off a connection that was just accepted. For net/tcp's
// .cc files.
#ifndef VARVE_NET_TCP_PROXIED_STREAM_H_
#define VARVE_NET_TCP_PROXIED_STREAM_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "net/tcp/stream.h"

namespace varve::net {

// Proxies send it at once.
inline constexpr absl::Duration kProxyHeaderTimeMax = absl::Seconds(5);

// Calls `done` once, on the stream's strand, with the stream of what follows
// the header, whose peer is the client that it names; InvalidArgument for
// another beginning, DeadlineExceeded for none in time, Cancelled when the
// connection ended before. Not at all when the loop is stopped.
void TakeProxyHeader(
    std::unique_ptr<Stream> stream,
    std::function<void(absl::StatusOr<std::unique_ptr<Stream>>)> done);

}  // namespace varve::net

#endif  // VARVE_NET_TCP_PROXIED_STREAM_H_
