#include "lib/telemetry/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/machine.h"
#include "lib/base/strings.h"
#include "lib/base/version.h"

namespace varve::telemetry {
namespace {

using base::StrCat;

constexpr size_t kProcFileBytesMax = 64 * 1024;

std::string ReadProcFile(const char* path) {
  std::FILE* const file = std::fopen(path, "re");
  if (file == nullptr) return "";
  std::string text(kProcFileBytesMax, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

// The number behind `key` in "key: 12 kB" or "key=12"; 0 where it is missing.
double NumberAfter(std::string_view text, std::string_view key) {
  size_t at = 0;
  while ((at = text.find(key, at)) != std::string_view::npos) {
    if (at == 0 || text[at - 1] == '\n' || text[at - 1] == ' ') break;
    at += key.size();
  }
  if (at == std::string_view::npos) return 0;
  return std::strtod(std::string(text.substr(at + key.size(), 32)).c_str(),
                     nullptr);
}

double CountOpenFiles() {
  DIR* const dir = opendir("/proc/self/fd");
  if (dir == nullptr) return 0;
  // Without ".", ".." and the directory's own descriptor.
  double files = -3;
  while (readdir(dir) != nullptr) ++files;
  closedir(dir);
  return files;
}

double ProcessStartSeconds() {
  // Seconds since boot are field 22 of /proc/self/stat, behind the ")" that
  // ends the name, which itself is field 2.
  const std::string stat = ReadProcFile("/proc/self/stat");
  size_t at = stat.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) {
    at = stat.find(' ', at + 1);
  }
  if (at == std::string::npos) return 0;
  const double ticks = std::strtod(stat.c_str() + at, nullptr);
  const double boot_s = NumberAfter(ReadProcFile("/proc/stat"), "btime");
  return boot_s + ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

void Add(FamilyTexts& families, const std::string& name, double value) {
  AddSample(families, name, "", NumberText(value));
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_usec) / 1e6;
}

void AddUsage(FamilyTexts& families) {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const double user_s = Seconds(usage.ru_utime);
  const double system_s = Seconds(usage.ru_stime);
  Add(families, "process_cpu_seconds_total", user_s + system_s);
  Add(families, "process_cpu_seconds_user_total", user_s);
  Add(families, "process_cpu_seconds_system_total", system_s);
  Add(families, "process_major_pagefaults_total",
      static_cast<double>(usage.ru_majflt));
  Add(families, "process_minor_pagefaults_total",
      static_cast<double>(usage.ru_minflt));
}

void AddMemory(FamilyTexts& families) {
  const std::string status = ReadProcFile("/proc/self/status");
  constexpr double kKib = 1024;
  const auto add_kib = [&](const std::string& name, std::string_view key) {
    Add(families, name, NumberAfter(status, key) * kKib);
  };
  add_kib("process_resident_memory_bytes", "VmRSS:");
  add_kib("process_resident_memory_peak_bytes", "VmHWM:");
  add_kib("process_resident_memory_anon_bytes", "RssAnon:");
  add_kib("process_resident_memory_file_bytes", "RssFile:");
  add_kib("process_resident_memory_shared_bytes", "RssShmem:");
  add_kib("process_virtual_memory_bytes", "VmSize:");
  Add(families, "process_num_threads", NumberAfter(status, "Threads:"));
}

void AddIo(FamilyTexts& families) {
  const std::string io = ReadProcFile("/proc/self/io");
  const auto add = [&](const std::string& name, std::string_view key) {
    Add(families, name, NumberAfter(io, key));
  };
  add("process_io_read_bytes_total", "rchar:");
  add("process_io_written_bytes_total", "wchar:");
  add("process_io_read_syscalls_total", "syscr:");
  add("process_io_write_syscalls_total", "syscw:");
  add("process_io_storage_read_bytes_total", "read_bytes:");
  add("process_io_storage_written_bytes_total", "write_bytes:");
}

void AddPressure(FamilyTexts& families) {
  for (const char* const resource : {"cpu", "io", "memory"}) {
    std::string text =
        ReadProcFile(StrCat("/sys/fs/cgroup/", resource, ".pressure").c_str());
    if (text.empty()) {
      text = ReadProcFile(StrCat("/proc/pressure/", resource).c_str());
    }
    const std::string_view view = text;
    const size_t full = std::min(view.find("full "), view.size());
    const std::string prefix = StrCat("process_pressure_", resource);
    Add(families, prefix + "_waiting_seconds_total",
        NumberAfter(view.substr(0, full), "total=") / 1e6);
    Add(families, prefix + "_stalled_seconds_total",
        NumberAfter(view.substr(full), "total=") / 1e6);
  }
}

void AddLogCounts(std::string_view app_version, FamilyTexts& families) {
  for (const base::LogCount& count : base::LogCounts()) {
    const std::string labels =
        LabelText({{"app_version", std::string(app_version)},
                   {"level", std::string(base::LevelName(count.level))},
                   {"location", count.location},
                   {"is_printed", count.is_printed ? "true" : "false"}});
    AddSample(families, "vm_log_messages_total", labels,
              NumberText(count.lines));
  }
}

}  // namespace

std::string AppVersion(std::string_view component) {
  struct stat program = {};
  stat("/proc/self/exe", &program);
  std::tm time = {};
  gmtime_r(&program.st_mtime, &time);
  char date[32];
  std::strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &time);
  return StrCat(component, "-", date, "-varve-", base::kVersion);
}

void AddProcessMetrics(FamilyTexts& families) {
  static const double start_s = ProcessStartSeconds();
  AddUsage(families);
  AddMemory(families);
  AddIo(families);
  AddPressure(families);
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  Add(families, "process_open_fds", CountOpenFiles());
  Add(families, "process_max_fds", static_cast<double>(files.rlim_cur));
  Add(families, "process_start_time_seconds", start_s);
  Add(families, "process_cpu_cores_available", base::AvailableCpus());
}

void AddAppMetrics(std::string_view app_version, const base::FlagSet* flags,
                   FamilyTexts& families) {
  static const double start_s = ProcessStartSeconds();
  AddSample(families, "vm_app_version",
            LabelText({{"version", std::string(app_version)},
                       {"short_version", StrCat("v", base::kVersion)}}),
            "1");
  Add(families, "vm_app_start_timestamp", std::trunc(start_s));
  const double now_s =
      static_cast<double>(base::SystemClock().NowMs()) / 1000;
  Add(families, "vm_app_uptime_seconds", now_s - start_s);
  Add(families, "vm_available_memory_bytes",
      static_cast<double>(base::MemoryLimitBytes()));
  Add(families, "vm_available_cpu_cores", base::AvailableCpus());
  AddLogCounts(app_version, families);
  if (flags == nullptr) return;
  for (const auto& [name, flag] : flags->flags()) {
    AddSample(families, "flag",
              LabelText({{"name", name},
                         {"value", flags->ShownText(*flag)},
                         {"is_set", flag->is_set() ? "true" : "false"}}),
              "1");
  }
}

}  // namespace varve::telemetry
