#include "lib/base/machine.h"

#include <catch2/catch.hpp>
#include <string>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace varve::base {
namespace {

namespace fs = std::filesystem;

// A directory that stands for /sys/fs/cgroup and /proc.
class FakeRoot {
 public:
  FakeRoot() {
    std::string path = (fs::temp_directory_path() / "varveXXXXXX").string();
    REQUIRE(mkdtemp(path.data()) != nullptr);
    root_ = path;
  }
  ~FakeRoot() { fs::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  internal::CgroupLimits Limits() const {
    return internal::ReadCgroupLimits(root_, root_ / "proc_cgroup");
  }

 private:
  fs::path root_;
};

TEST_CASE("no cgroup files mean no limits", "[base]") {
  FakeRoot root;
  CHECK_FALSE(root.Limits().cpus);
  CHECK_FALSE(root.Limits().memory_bytes);
}

TEST_CASE("cgroup v2: the lowest limit up to the root counts", "[base]") {
  FakeRoot root;
  root.Write("proc_cgroup", "0::/pods/one\n");
  root.Write("pods/one/memory.max", "max\n");
  root.Write("pods/memory.max", "209715200\n");
  root.Write("pods/one/cpu.max", "50000 100000\n");
  root.Write("pods/cpu.max", "max 100000\n");
  CHECK(root.Limits().memory_bytes == 209715200);
  CHECK(root.Limits().cpus == 0.5);
}

TEST_CASE("cgroup v2 in a container: the root of the mount counts", "[base]") {
  FakeRoot root;
  root.Write("proc_cgroup", "0::/not/visible/here\n");
  root.Write("memory.max", "1000\n");
  CHECK(root.Limits().memory_bytes == 1000);
}

TEST_CASE("cgroup v1 has a mount per controller", "[base]") {
  FakeRoot root;
  root.Write("proc_cgroup", "5:memory:/a\n4:cpu,cpuacct:/a\n");
  root.Write("memory/a/memory.limit_in_bytes", "4096\n");
  root.Write("memory/memory.limit_in_bytes", "9223372036854771712\n");
  root.Write("cpu/a/cpu.cfs_quota_us", "-1\n");
  root.Write("cpu/a/cpu.cfs_period_us", "100000\n");
  root.Write("cpu/cpu.cfs_quota_us", "150000\n");
  root.Write("cpu/cpu.cfs_period_us", "100000\n");
  CHECK(root.Limits().memory_bytes == 4096);
  CHECK(root.Limits().cpus == 1.5);
}

TEST_CASE("garbage in cgroup files is no limit", "[base]") {
  FakeRoot root;
  root.Write("proc_cgroup", "::\n:\n\n0::");
  root.Write("memory.max", "-5\n");
  root.Write("cpu.max", "7\n");
  CHECK_FALSE(root.Limits().memory_bytes);
  CHECK_FALSE(root.Limits().cpus);
}

TEST_CASE("this machine has a CPU and memory", "[base]") {
  CHECK(AvailableCpus() > 0);
  CHECK(CpuThreads() >= 1);
  CHECK(MemoryLimitBytes() > 1 << 20);
}

TEST_CASE("memory that is used is memory of this process", "[base]") {
  const int64_t before = ProcessMemoryBytes();
  CHECK(before > 0);
  const std::string used(64 << 20, 'x');
  CHECK(ProcessMemoryBytes() >= before + (48 << 20));
  CHECK(used.back() == 'x');
}

}  // namespace
}  // namespace varve::base
