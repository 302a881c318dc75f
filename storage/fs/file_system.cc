#include "storage/fs/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "lib/base/status.h"

namespace varve::storage {
namespace {

namespace stdfs = std::filesystem;

absl::Status ErrnoStatus(std::string_view call, const std::string& path,
                         int error) {
  const std::string text =
      base::StrCat(call, " ", path, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
      return base::NotFound(text);
    case ENOSPC:
    case EDQUOT:
      return base::ResourceExhausted(text);
    case EEXIST:
    case EWOULDBLOCK:
      return base::FailedPrecondition(text);
    default:
      return base::Unavailable(text);
  }
}

absl::Status CodeStatus(std::string_view call, const std::string& path,
                        const std::error_code& error) {
  if (!error) return absl::OkStatus();
  return ErrnoStatus(call, path, error.value());
}

// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

int OpenRetrying(const char* path, int flags, mode_t mode = 0644) {
  int fd;
  do {
    fd = ::open(path, flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

class RealAppendFile final : public AppendFile {
 public:
  RealAppendFile(std::string path, int fd)
      : path_(std::move(path)), file_(fd) {}

  absl::Status Append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
      if (n < 0) {
        if (errno == EINTR) continue;
        return ErrnoStatus("write", path_, errno);
      }
      size_ += static_cast<uint64_t>(n);
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    // fdatasync writes the file's length too; only its times may be old.
    if (::fdatasync(file_.get()) != 0) {
      return ErrnoStatus("fdatasync", path_, errno);
    }
    return absl::OkStatus();
  }

  absl::Status TruncateTo(uint64_t size) override {
    if (::ftruncate(file_.get(), static_cast<off_t>(size)) != 0) {
      return ErrnoStatus("ftruncate", path_, errno);
    }
    size_ = size;
    return absl::OkStatus();
  }

  uint64_t size() const override { return size_; }

 private:
  const std::string path_;
  Descriptor file_;
  std::atomic<uint64_t> size_{0};
};

class RealReadFile final : public ReadFile {
 public:
  RealReadFile(std::string path, int fd, uint64_t size)
      : path_(std::move(path)), file_(fd), size_(size) {}

  absl::Status ReadAt(uint64_t offset, size_t size,
                      std::string& out) const override {
    if (offset >= size_) size = 0;
    size = std::min<uint64_t>(size, size_ - std::min(offset, size_));
    out.resize(size);
    size_t done = 0;
    while (done < size) {
      const ssize_t n = ::pread(file_.get(), out.data() + done, size - done,
                                static_cast<off_t>(offset + done));
      if (n < 0) {
        if (errno == EINTR) continue;
        return ErrnoStatus("pread", path_, errno);
      }
      if (n == 0) break;  // the file was cut meanwhile
      done += static_cast<size_t>(n);
    }
    out.resize(done);
    return absl::OkStatus();
  }

  uint64_t size() const override { return size_; }

 private:
  const std::string path_;
  Descriptor file_;
  const uint64_t size_;
};

class RealFileLock final : public FileLock {
 public:
  explicit RealFileLock(int fd) : file_(fd) {}

 private:
  Descriptor file_;  // closing it lets go of the lock
};

class RealFs final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<AppendFile>> Create(
      const std::string& path) override {
    const int fd =
        OpenRetrying(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND);
    if (fd < 0) return ErrnoStatus("create", path, errno);
    return std::make_unique<RealAppendFile>(path, fd);
  }

  absl::StatusOr<std::unique_ptr<ReadFile>> OpenRead(
      const std::string& path) const override {
    const int fd = OpenRetrying(path.c_str(), O_RDONLY);
    if (fd < 0) return ErrnoStatus("open", path, errno);
    struct stat info;
    if (::fstat(fd, &info) != 0) {
      const int error = errno;
      ::close(fd);
      return ErrnoStatus("fstat", path, error);
    }
    return std::make_unique<RealReadFile>(path, fd,
                                          static_cast<uint64_t>(info.st_size));
  }

  absl::Status WriteFileDurably(const std::string& path,
                                std::string_view content) override {
    const std::string temporary = path + ".tmp";
    RETURN_IF_ERROR(Remove(temporary));
    {
      ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file, Create(temporary));
      RETURN_IF_ERROR(file->Append(content));
      RETURN_IF_ERROR(file->Sync());
    }
    RETURN_IF_ERROR(Rename(temporary, path));
    return SyncDir(ParentDir(path));
  }

  absl::Status Rename(const std::string& from,
                      const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return ErrnoStatus("rename", base::StrCat(from, " to ", to), errno);
    }
    return absl::OkStatus();
  }

  absl::Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      return ErrnoStatus("unlink", path, errno);
    }
    return absl::OkStatus();
  }

  absl::Status RemoveTree(const std::string& path) override {
    std::error_code error;
    stdfs::remove_all(path, error);
    return CodeStatus("remove", path, error);
  }

  absl::Status Link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) != 0) {
      return ErrnoStatus("link", base::StrCat(from, " to ", to), errno);
    }
    return absl::OkStatus();
  }

  absl::Status Truncate(const std::string& path, uint64_t size) override {
    Descriptor file(OpenRetrying(path.c_str(), O_WRONLY));
    if (file.get() < 0) return ErrnoStatus("open", path, errno);
    if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) {
      return ErrnoStatus("ftruncate", path, errno);
    }
    if (::fsync(file.get()) != 0) return ErrnoStatus("fsync", path, errno);
    return absl::OkStatus();
  }

  absl::Status CreateDirs(const std::string& path) override {
    std::error_code error;
    stdfs::create_directories(path, error);
    return CodeStatus("mkdir", path, error);
  }

  absl::Status SyncDir(const std::string& path) override {
    Descriptor dir(OpenRetrying(path.c_str(), O_RDONLY | O_DIRECTORY));
    if (dir.get() < 0) return ErrnoStatus("open", path, errno);
    if (::fsync(dir.get()) != 0) return ErrnoStatus("fsync", path, errno);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List(
      const std::string& dir) const override {
    DIR* stream = ::opendir(dir.c_str());
    if (stream == nullptr) return ErrnoStatus("opendir", dir, errno);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(stream)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    const int error = errno;
    ::closedir(stream);
    if (error != 0) return ErrnoStatus("readdir", dir, error);
    std::sort(names.begin(), names.end());
    return names;
  }

  bool Exists(const std::string& path) const override {
    return ::access(path.c_str(), F_OK) == 0;
  }

  absl::StatusOr<uint64_t> FileSize(const std::string& path) const override {
    struct stat info;
    if (::stat(path.c_str(), &info) != 0) {
      return ErrnoStatus("stat", path, errno);
    }
    return static_cast<uint64_t>(info.st_size);
  }

  absl::StatusOr<std::unique_ptr<FileLock>> Lock(
      const std::string& path) override {
    const int fd = OpenRetrying(path.c_str(), O_RDWR | O_CREAT);
    if (fd < 0) return ErrnoStatus("open", path, errno);
    auto lock = std::make_unique<RealFileLock>(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return ErrnoStatus("flock", path, errno);
      return base::FailedPrecondition(
          "flock ", path, ": held elsewhere; is another process running on ",
          "this directory?");
    }
    return lock;
  }

  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) const override {
    struct statvfs info;
    if (::statvfs(path.c_str(), &info) != 0) {
      return ErrnoStatus("statvfs", path, errno);
    }
    return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  }
};

}  // namespace

absl::StatusOr<std::string> FileSystem::ReadWhole(const std::string& path,
                                                  uint64_t bytes_max) const {
  ASSIGN_OR_RETURN(std::unique_ptr<ReadFile> file, OpenRead(path));
  if (file->size() > bytes_max) {
    return base::ResourceExhausted(path, " has ", file->size(),
                                   " bytes, more than ", bytes_max);
  }
  std::string content;
  RETURN_IF_ERROR(file->ReadAt(0, file->size(), content));
  return content;
}

FileSystem& RealFileSystem() {
  static auto* const fs = new RealFs;
  return *fs;
}

std::string JoinPath(std::string_view dir, std::string_view name) {
  if (!dir.empty() && dir.back() == '/') return base::StrCat(dir, name);
  return base::StrCat(dir, "/", name);
}

std::string ParentDir(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, std::max<size_t>(slash, 1)));
}

}  // namespace varve::storage
