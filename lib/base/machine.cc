#include "lib/base/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/strings.h"

namespace varve::base {
namespace {

constexpr size_t kFileBytesMax = 1 << 16;  // these files have a few lines

std::optional<std::string> ReadSmallFile(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return std::nullopt;
  std::string text(kFileBytesMax, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

// The number at the start of `text`; nothing for "max" and other words.
std::optional<int64_t> LeadingInt(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::optional<int64_t> ReadInt(const std::string& path) {
  const auto text = ReadSmallFile(path);
  return text ? LeadingInt(*text) : std::nullopt;
}

// Calls fn for `mount` joined with `path` and each of its parents: a limit
// holds for the groups below it. Inside a container the path of
// /proc/self/cgroup may not exist under the mount; its root then speaks.
template <typename Fn>
void ForEachGroup(const std::string& mount, std::string path, const Fn& fn) {
  while (true) {
    fn(mount + path);
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return;
    path.resize(slash);
  }
}

}  // namespace

namespace internal {

std::string CgroupPath(std::string_view proc_cgroup,
                       std::string_view controller) {
  while (!proc_cgroup.empty()) {
    const size_t eol = std::min(proc_cgroup.find('\n'), proc_cgroup.size());
    const std::string_view line = proc_cgroup.substr(0, eol);
    proc_cgroup.remove_prefix(std::min(eol + 1, proc_cgroup.size()));
    const size_t first = line.find(':');
    if (first == std::string_view::npos) continue;
    const size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string names =
        StrCat(",", line.substr(first + 1, second - first - 1), ",");
    std::string path(line.substr(second + 1));
    if (path == "/") path.clear();
    if (controller.empty() ? names == ",,"
                           : names.find(StrCat(",", controller, ",")) !=
                                 std::string::npos) {
      return path;
    }
  }
  return "";
}

CgroupLimits ReadCgroupLimits(const std::string& root,
                              const std::string& proc_cgroup) {
  CgroupLimits limits;
  const std::string text = ReadSmallFile(proc_cgroup).value_or("");
  const auto lower = [](auto& limit, auto value) {
    if (value > 0 && (!limit || value < *limit)) limit = value;
  };
  ForEachGroup(root, CgroupPath(text, ""), [&](const std::string& dir) {
    if (const auto bytes = ReadInt(dir + "/memory.max")) {
      lower(limits.memory_bytes, *bytes);
    }
    const auto cpu = ReadSmallFile(dir + "/cpu.max");  // "50000 100000"
    if (!cpu) return;
    const auto quota = LeadingInt(*cpu);
    const size_t space = cpu->find(' ');
    if (!quota || space == std::string::npos) return;
    const auto period = LeadingInt(std::string_view(*cpu).substr(space + 1));
    if (period && *period > 0) {
      lower(limits.cpus, static_cast<double>(*quota) / *period);
    }
  });
  ForEachGroup(root + "/memory", CgroupPath(text, "memory"),
               [&](const std::string& dir) {
                 if (const auto bytes =
                         ReadInt(dir + "/memory.limit_in_bytes")) {
                   lower(limits.memory_bytes, *bytes);
                 }
               });
  ForEachGroup(root + "/cpu", CgroupPath(text, "cpu"),
               [&](const std::string& dir) {
                 const auto quota = ReadInt(dir + "/cpu.cfs_quota_us");
                 const auto period = ReadInt(dir + "/cpu.cfs_period_us");
                 if (quota && period && *quota > 0 && *period > 0) {
                   lower(limits.cpus, static_cast<double>(*quota) / *period);
                 }
               });
  return limits;
}

}  // namespace internal

namespace {

internal::CgroupLimits OwnLimits() {
  return internal::ReadCgroupLimits("/sys/fs/cgroup", "/proc/self/cgroup");
}

double MachineCpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  return static_cast<double>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace

double AvailableCpus() {
  return std::min(MachineCpus(), OwnLimits().cpus.value_or(MachineCpus()));
}

int CpuThreads() {
  return std::max(1, static_cast<int>(std::ceil(AvailableCpus())));
}

int64_t MemoryLimitBytes() {
  const int64_t machine_bytes =
      int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGE_SIZE);
  return std::min(machine_bytes,
                  OwnLimits().memory_bytes.value_or(machine_bytes));
}

int64_t ProcessMemoryBytes() {
  constexpr std::string_view kField = "RssAnon:";
  constexpr int64_t kKilobyte = 1024;
  const auto status = ReadSmallFile("/proc/self/status");
  if (!status) return 0;
  size_t at = status->find(kField);
  if (at == std::string::npos) return 0;
  at = status->find_first_not_of(" \t", at + kField.size());
  if (at == std::string::npos) return 0;
  return LeadingInt(std::string_view(*status).substr(at)).value_or(0) *
         kKilobyte;
}

}  // namespace varve::base
