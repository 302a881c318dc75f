// Shows a listener's or dialer's counters as metrics.
//
// Threads: from any thread; the counters are read at each scrape.
#ifndef VARVE_NET_TCP_TRAFFIC_METRICS_H_
#define VARVE_NET_TCP_TRAFFIC_METRICS_H_

#include <memory>
#include <string>

#include "lib/telemetry/metrics.h"
#include "net/tcp/stream.h"

namespace varve::net {

// vm_tcplistener_{accepts_total,errors_total,conns,read_bytes_total,
// written_bytes_total}{name, addr}. `owner` calls
// metrics.RemoveCallbacks(owner) before it goes.
void ShowListener(telemetry::Metrics& metrics, const void* owner,
                  const std::string& name, const std::string& address,
                  std::shared_ptr<const TrafficCounters> counters);

// vm_tcpdialer_{dials_total,errors_total,conns,read_bytes_total,
// written_bytes_total}{name, addr}.
void ShowDialer(telemetry::Metrics& metrics, const void* owner,
                const std::string& name, const std::string& address,
                std::shared_ptr<const TrafficCounters> counters);

}  // namespace varve::net

#endif  // VARVE_NET_TCP_TRAFFIC_METRICS_H_
