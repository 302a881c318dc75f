#include "lib/telemetry/metrics.h"

#include <algorithm>
#include <deque>
#include <map>

#include "lib/base/flags.h"
#include "lib/base/log.h"
#include "lib/base/mutex.h"
#include "lib/telemetry/metrics_text.h"
#include "lib/telemetry/process_metrics.h"

namespace varve::telemetry {
namespace {

// Members of one kind of metric, by name and labels. Objects stay where they
// are, so that handles may be kept.
template <typename T>
using ByLabels =
    std::map<std::string, std::map<MetricLabels, std::unique_ptr<T>>>;

template <typename T>
T& FindOrAdd(ByLabels<T>& all, const std::string& name,
             const MetricLabels& labels) {
  std::unique_ptr<T>& slot = all[name][labels];
  if (slot == nullptr) slot = std::make_unique<T>();
  return *slot;
}

struct Callback {
  const void* owner;
  std::string name;
  std::string labels;
  std::function<double()> read;
};

}  // namespace

struct Metrics::Families {
  std::string app_version;
  const base::FlagSet* flags;

  base::Mutex mutex;
  base::CondVar read_ended;
  ByLabels<Counter> counters GUARDED_BY(mutex);
  ByLabels<Gauge> gauges GUARDED_BY(mutex);
  ByLabels<RangeHistogram> histograms GUARDED_BY(mutex);
  ByLabels<QuantileSummary> summaries GUARDED_BY(mutex);
  std::vector<std::shared_ptr<const Callback>> callbacks GUARDED_BY(mutex);
  // Scrapes that are calling callbacks, without the lock.
  int readers GUARDED_BY(mutex) = 0;

  // Everything that is read under the lock.
  void AddOwn(FamilyTexts& families) REQUIRES_LOCK(mutex);
  void AddCallbacks(FamilyTexts& families);
  bool ExposeMetadata() const;
};

Metrics::Metrics(std::string component, const base::FlagSet* flags)
    : families_(std::make_unique<Families>()) {
  families_->app_version = AppVersion(component);
  families_->flags = flags;
}

Metrics::~Metrics() = default;

Counter& Metrics::AddCounter(const std::string& name,
                             const MetricLabels& labels) {
  base::MutexLock lock(families_->mutex);
  return FindOrAdd(families_->counters, name, labels);
}

Gauge& Metrics::AddGauge(const std::string& name, const MetricLabels& labels) {
  base::MutexLock lock(families_->mutex);
  return FindOrAdd(families_->gauges, name, labels);
}

RangeHistogram& Metrics::AddHistogram(const std::string& name,
                                      const MetricLabels& labels) {
  base::MutexLock lock(families_->mutex);
  return FindOrAdd(families_->histograms, name, labels);
}

QuantileSummary& Metrics::AddSummary(const std::string& name,
                                     const MetricLabels& labels) {
  base::MutexLock lock(families_->mutex);
  return FindOrAdd(families_->summaries, name, labels);
}

void Metrics::AddCallback(const void* owner, const std::string& name,
                          const MetricLabels& labels,
                          std::function<double()> read) {
  auto callback = std::make_shared<const Callback>(
      Callback{owner, name, LabelText(labels), std::move(read)});
  base::MutexLock lock(families_->mutex);
  families_->callbacks.push_back(std::move(callback));
}

void Metrics::RemoveCallbacks(const void* owner) {
  base::MutexLock lock(families_->mutex);
  std::erase_if(families_->callbacks, [owner](const auto& callback) {
    return callback->owner == owner;
  });
  // A scrape that began before may still call them.
  while (families_->readers > 0) families_->read_ended.Wait(lock);
}

void Metrics::Families::AddOwn(FamilyTexts& families) {
  for (const auto& [name, members] : counters) {
    for (const auto& [labels, counter] : members) {
      AddSample(families, name, LabelText(labels),
                NumberText(counter->value()));
    }
  }
  for (const auto& [name, members] : gauges) {
    for (const auto& [labels, gauge] : members) {
      AddSample(families, name, LabelText(labels), NumberText(gauge->value()));
    }
  }
  for (const auto& [name, members] : histograms) {
    FamilyText& family = families[name];
    family.type = "histogram";
    for (const auto& [labels, histogram] : members) {
      family.lines.append(histogram->Text(name, labels));
    }
  }
  for (const auto& [name, members] : summaries) {
    FamilyText& family = families[name];
    family.type = "summary";
    for (const auto& [labels, summary] : members) {
      family.lines.append(summary->Text(name, labels));
    }
  }
}

void Metrics::Families::AddCallbacks(FamilyTexts& families) {
  std::vector<std::shared_ptr<const Callback>> to_read;
  {
    base::MutexLock lock(mutex);
    to_read = callbacks;
    ++readers;
  }
  for (const auto& callback : to_read) {
    AddSample(families, callback->name, callback->labels,
              NumberText(callback->read()));
  }
  base::MutexLock lock(mutex);
  --readers;
  read_ended.NotifyAll();
}

bool Metrics::Families::ExposeMetadata() const {
  if (flags == nullptr) return false;
  const auto found = flags->flags().find("metrics.exposeMetadata");
  return found != flags->flags().end() &&
         base::ParseBool(found->second->text()).value_or(false);
}

std::string Metrics::Text() const {
  FamilyTexts families;
  AddProcessMetrics(families);
  AddAppMetrics(families_->app_version, families_->flags, families);
  {
    base::MutexLock lock(families_->mutex);
    families_->AddOwn(families);
  }
  families_->AddCallbacks(families);
  const bool metadata = families_->ExposeMetadata();
  std::string text;
  for (const auto& [name, family] : families) {
    if (metadata) {
      text.append("# HELP ").append(name).append("\n");
      text.append("# TYPE ").append(name).append(" ");
      text.append(family.type).append("\n");
    }
    text.append(family.lines);
  }
  return text;
}

}  // namespace varve::telemetry
