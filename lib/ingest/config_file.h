// Configuration files that are read again while the process runs: at SIGHUP,
// at /-/reload, and when a look every so often finds them changed.
//
// The first reading is the start's: what is wrong then ends the process. Later
// a file that cannot be read or taken leaves what was taken before in force,
// is logged as an error and shows in the metrics of its prefix:
//   <prefix>_last_reload_successful                 1 or 0
//   <prefix>_last_reload_success_timestamp_seconds
//   <prefix>_reloads_total, <prefix>_reloads_errors_total
//
// Lifetime: ConfigFile and ConfigReloader live as long as their role.
// Threads:  all members from any thread; `take` is called by one at a time.
#ifndef VARVE_LIB_INGEST_CONFIG_FILE_H_
#define VARVE_LIB_INGEST_CONFIG_FILE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/telemetry/metrics.h"

namespace varve::ingest {

// A configuration of more bytes is a mistake.
inline constexpr int64_t kConfigBytesMax = 16 << 20;

struct ConfigFileOptions {
  std::string flag;  // "-relabelConfig", for texts
  std::string path;
  // Gives the text, of what is no file; null: it is read from `path`.
  std::function<absl::StatusOr<std::string>()> fetch = nullptr;
  std::string metric_prefix;  // "vm_relabel_config"
  telemetry::Metrics* metrics = nullptr;
  const base::Clock* clock = &base::SystemClock();
};

class ConfigFile {
 public:
  // `take` puts the whole text in force, or gives the error that says why
  // not and changes nothing.
  using Take = std::function<absl::Status(std::string_view text)>;

  ConfigFile(ConfigFileOptions options, Take take);

  // Reads and takes it, changed or not; a fetch that another thread began
  // after the call serves this one, too. The error names flag and path.
  absl::Status Load();
  // Load when its time of change, size or inode is another than at the last
  // look, or what is fetched another text; an error then is logged.
  void LoadIfChanged();

  const std::string& flag() const { return options_.flag; }

 private:
  struct Version {
    int64_t changed_ns = -1;  // -1: there is no file
    int64_t bytes = 0;
    uint64_t inode = 0;
    friend bool operator==(const Version&, const Version&) = default;
  };
  Version Look() const;
  absl::StatusOr<std::string> Read() REQUIRES_LOCK(mutex_);
  absl::Status LoadChanged(bool& taken);
  // One at a time, without the lock. `taken`: by this call; unless `always`
  // not when the text is what it was, or when another thread fetches it.
  absl::Status Fetch(bool always, bool& taken);
  absl::Status TakeLocked(const absl::StatusOr<std::string>& text)
      REQUIRES_LOCK(mutex_);

  const ConfigFileOptions options_;
  const Take take_;
  telemetry::Counter& reloads_;
  telemetry::Counter& errors_;
  telemetry::Gauge& successful_;
  telemetry::Gauge& success_s_;
  base::Mutex mutex_;
  Version seen_ GUARDED_BY(mutex_);
  std::string fetched_ GUARDED_BY(mutex_);
  base::CondVar fetch_ended_;
  bool fetching_ GUARDED_BY(mutex_) = false;
  int64_t fetches_ GUARDED_BY(mutex_) = 0;  // ended
  absl::Status last_fetch_ GUARDED_BY(mutex_);
};

// The files of a process, and the thread that looks at them.
class ConfigReloader {
 public:
  ConfigReloader() = default;
  ~ConfigReloader();

  // Loads the file, then keeps it; looks for changes every `check_interval`,
  // never when that is zero. REQUIRES: before Start.
  absl::Status Add(std::unique_ptr<ConfigFile> file,
                   absl::Duration check_interval);
  // No thread where no file is looked at.
  void Start();
  // All files, changed or not; every error is logged, the first returned.
  absl::Status ReloadAll();

 private:
  struct Entry {
    std::unique_ptr<ConfigFile> file;
    int64_t interval_ms = 0;
    int64_t next_ms = 0;
  };
  void Watch();

  std::vector<Entry> entries_;
  base::Mutex mutex_;
  base::CondVar stopped_;
  bool stop_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_CONFIG_FILE_H_
