#include "net/tcp/traffic_metrics.h"

namespace varve::net {
namespace {

using Field = std::atomic<int64_t> TrafficCounters::*;

class Shower {
 public:
  Shower(telemetry::Metrics& metrics, const void* owner, std::string prefix,
         telemetry::MetricLabels labels,
         std::shared_ptr<const TrafficCounters> counters)
      : metrics_(metrics),
        owner_(owner),
        prefix_(std::move(prefix)),
        labels_(std::move(labels)),
        counters_(std::move(counters)) {}

  void Show(const std::string& suffix, Field field) {
    metrics_.AddCallback(owner_, prefix_ + suffix, labels_,
                         [counters = counters_, field] {
                           return static_cast<double>(
                               (counters.get()->*field).load());
                         });
  }
  void ShowBytes() {
    Show("conns", &TrafficCounters::connections);
    Show("read_bytes_total", &TrafficCounters::read_bytes);
    Show("written_bytes_total", &TrafficCounters::written_bytes);
  }

 private:
  telemetry::Metrics& metrics_;
  const void* const owner_;
  const std::string prefix_;
  const telemetry::MetricLabels labels_;
  const std::shared_ptr<const TrafficCounters> counters_;
};

}  // namespace

void ShowListener(telemetry::Metrics& metrics, const void* owner,
                  const std::string& name, const std::string& address,
                  std::shared_ptr<const TrafficCounters> counters) {
  Shower shower(metrics, owner, "vm_tcplistener_",
                {{"name", name}, {"addr", address}}, std::move(counters));
  shower.Show("accepts_total", &TrafficCounters::accepts);
  shower.Show("errors_total", &TrafficCounters::accept_errors);
  shower.ShowBytes();
}

void ShowDialer(telemetry::Metrics& metrics, const void* owner,
                const std::string& name, const std::string& address,
                std::shared_ptr<const TrafficCounters> counters) {
  Shower shower(metrics, owner, "vm_tcpdialer_",
                {{"name", name}, {"addr", address}}, std::move(counters));
  shower.Show("dials_total", &TrafficCounters::dials);
  shower.Show("errors_total", &TrafficCounters::dial_errors);
  shower.ShowBytes();
}

}  // namespace varve::net
