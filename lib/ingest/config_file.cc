#include "lib/ingest/config_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/status.h"

namespace varve::ingest {
namespace {

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return base::InvalidArgument(std::strerror(errno));
  std::string text;
  char part[64 << 10];
  while (file.read(part, sizeof(part)), file.gcount() > 0) {
    text.append(part, static_cast<size_t>(file.gcount()));
    if (static_cast<int64_t>(text.size()) > kConfigBytesMax) {
      return base::InvalidArgument("it has more than ", kConfigBytesMax,
                                   " bytes");
    }
  }
  if (file.bad()) return base::InvalidArgument("it cannot be read to its end");
  return text;
}

}  // namespace

ConfigFile::ConfigFile(ConfigFileOptions options, Take take)
    : options_(std::move(options)),
      take_(std::move(take)),
      reloads_(options_.metrics->AddCounter(options_.metric_prefix +
                                            "_reloads_total")),
      errors_(options_.metrics->AddCounter(options_.metric_prefix +
                                           "_reloads_errors_total")),
      successful_(options_.metrics->AddGauge(options_.metric_prefix +
                                             "_last_reload_successful")),
      success_s_(options_.metrics->AddGauge(
          options_.metric_prefix + "_last_reload_success_timestamp_seconds")) {}

ConfigFile::Version ConfigFile::Look() const {
  struct stat info {};
  // Follows symbolic links: a mounted ConfigMap changes by swapping one.
  if (::stat(options_.path.c_str(), &info) != 0) return {};
  return {.changed_ns = int64_t{info.st_mtim.tv_sec} * 1'000'000'000 +
                        info.st_mtim.tv_nsec,
          .bytes = info.st_size,
          .inode = info.st_ino};
}

absl::StatusOr<std::string> ConfigFile::Read() {
  // Before reading: a change meanwhile is seen at the next look.
  seen_ = Look();
  return ReadText(options_.path);
}

absl::Status ConfigFile::TakeLocked(const absl::StatusOr<std::string>& text) {
  reloads_.Increment();
  absl::Status status = text.status();
  if (status.ok()) status = take_(*text);
  if (!status.ok()) {
    errors_.Increment();
    successful_.Set(0);
    return base::InvalidArgument(options_.flag, "=", options_.path, ": ",
                                 base::Message(status));
  }
  if (options_.fetch) fetched_ = *text;
  successful_.Set(1);
  success_s_.Set(static_cast<double>(options_.clock->NowMs() / 1000));
  return absl::OkStatus();
}

absl::Status ConfigFile::Fetch(bool always, bool& taken) {
  {
    base::MutexLock lock(mutex_);
    if (fetching_ && !always) return absl::OkStatus();
    // What is under way may bring a text of before the call.
    const int64_t before = fetches_ + (fetching_ ? 1 : 0);
    while (fetching_) {
      fetch_ended_.Wait(lock);
      if (fetches_ > before) return last_fetch_;
    }
    fetching_ = true;
  }
  const absl::StatusOr<std::string> text = options_.fetch();
  base::MutexLock lock(mutex_);
  // Also of a bad text, that what is taken is told to be right again.
  taken = always || !text.ok() || *text != fetched_ || successful_.value() != 1;
  last_fetch_ = taken ? TakeLocked(text) : absl::OkStatus();
  fetching_ = false;
  ++fetches_;
  fetch_ended_.NotifyAll();
  return last_fetch_;
}

absl::Status ConfigFile::LoadChanged(bool& taken) {
  if (options_.fetch) return Fetch(/*always=*/false, taken);
  base::MutexLock lock(mutex_);
  taken = Look() != seen_;
  return taken ? TakeLocked(Read()) : absl::OkStatus();
}

absl::Status ConfigFile::Load() {
  bool taken = false;
  if (options_.fetch) return Fetch(/*always=*/true, taken);
  base::MutexLock lock(mutex_);
  return TakeLocked(Read());
}

void ConfigFile::LoadIfChanged() {
  bool taken = false;
  const absl::Status status = LoadChanged(taken);
  if (!taken) return;
  if (status.ok()) {
    base::LogInfo("loaded ", options_.flag, "=", options_.path, " again");
  } else {
    base::LogError("what was loaded before stays in force: ",
                   base::Message(status));
  }
}

ConfigReloader::~ConfigReloader() {
  {
    base::MutexLock lock(mutex_);
    stop_ = true;
    stopped_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status ConfigReloader::Add(std::unique_ptr<ConfigFile> file,
                                 absl::Duration check_interval) {
  RETURN_IF_ERROR(file->Load());
  const int64_t interval_ms =
      check_interval <= absl::ZeroDuration()
          ? 0
          : std::max<int64_t>(absl::ToInt64Milliseconds(check_interval), 10);
  entries_.push_back({.file = std::move(file),
                      .interval_ms = interval_ms,
                      .next_ms = base::SystemClock().SteadyMs() + interval_ms});
  return absl::OkStatus();
}

void ConfigReloader::Start() {
  const auto watched = [](const Entry& entry) { return entry.interval_ms > 0; };
  if (std::any_of(entries_.begin(), entries_.end(), watched)) {
    thread_ = std::thread([this] { Watch(); });
  }
}

absl::Status ConfigReloader::ReloadAll() {
  absl::Status first;
  for (const Entry& entry : entries_) {
    const absl::Status status = entry.file->Load();
    if (status.ok()) continue;
    base::LogError("what was loaded before stays in force: ",
                   base::Message(status));
    if (first.ok()) first = status;
  }
  base::LogInfo("a reload of ", entries_.size(), " configuration files ",
                first.ok() ? "succeeded" : "failed");
  return first;
}

void ConfigReloader::Watch() {
  const base::Clock& clock = base::SystemClock();
  for (;;) {
    int64_t next_ms = std::numeric_limits<int64_t>::max();
    for (Entry& entry : entries_) {
      if (entry.interval_ms == 0) continue;
      if (clock.SteadyMs() >= entry.next_ms) {
        entry.file->LoadIfChanged();
        entry.next_ms = clock.SteadyMs() + entry.interval_ms;
      }
      next_ms = std::min(next_ms, entry.next_ms);
    }
    base::MutexLock lock(mutex_);
    while (!stop_ && clock.SteadyMs() < next_ms) {
      stopped_.WaitFor(lock, absl::Milliseconds(next_ms - clock.SteadyMs()));
    }
    if (stop_) return;
  }
}

}  // namespace varve::ingest
