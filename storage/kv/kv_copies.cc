#include "storage/kv/kv_copies.h"

#include <rocksdb/file_system.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "storage/kv/kv_internal.h"

namespace varve::storage {
namespace {

namespace stdfs = std::filesystem;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr std::string_view kCopySuffix = ".copy";
constexpr size_t kFrameHeaderBytes = sizeof(uint32_t) + sizeof(uint64_t);

std::string CopyOf(const std::string& path) {
  return base::StrCat(path, kCopySuffix);
}

// A file and its copy.
class CopiedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  CopiedFile(std::unique_ptr<FSWritableFile> file,
             std::unique_ptr<FSWritableFile> copy)
      : FSWritableFileOwnerWrapper(std::move(file)), copy_(std::move(copy)) {}

  IOStatus Append(const Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    const IOStatus status = target()->Append(data, options, debug);
    return status.ok() ? AppendToCopy(data, options, debug) : status;
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& checksum,
                  IODebugContext* debug) override {
    const IOStatus status = target()->Append(data, options, checksum, debug);
    return status.ok() ? AppendToCopy(data, options, debug) : status;
  }
  IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
    const IOStatus status = target()->Flush(options, debug);
    return status.ok() ? copy_->Flush(options, debug) : status;
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    const IOStatus status = target()->Sync(options, debug);
    return status.ok() ? copy_->Sync(options, debug) : status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    const IOStatus status = target()->Fsync(options, debug);
    return status.ok() ? copy_->Fsync(options, debug) : status;
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    const IOStatus status = target()->Close(options, debug);
    const IOStatus copy_status = copy_->Close(options, debug);
    return status.ok() ? copy_status : status;
  }

 private:
  IOStatus AppendToCopy(const Slice& data, const IOOptions& options,
                        IODebugContext* debug) {
    frame_.clear();
    base::PutFixedLe<uint32_t>(frame_, static_cast<uint32_t>(data.size()));
    base::PutFixedLe<uint64_t>(frame_, base::Hash64Of(FromSlice(data)));
    frame_.append(data.data(), data.size());
    return copy_->Append(frame_, options, debug);
  }

  const std::unique_ptr<FSWritableFile> copy_;
  std::string frame_;
};

class CopyingFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit CopyingFileSystem(const std::string& dir)
      : FileSystemWrapper(rocksdb::FileSystem::Default()),
        dir_(stdfs::path(dir).lexically_normal() / "") {}
  const char* Name() const override { return "varve.CopyingFileSystem"; }

  IOStatus NewWritableFile(const std::string& path,
                           const rocksdb::FileOptions& options,
                           std::unique_ptr<FSWritableFile>* file,
                           IODebugContext* debug) override {
    std::unique_ptr<FSWritableFile> opened;
    IOStatus status = target()->NewWritableFile(path, options, &opened, debug);
    if (!status.ok() || !IsCopied(path)) {
      *file = std::move(opened);
      return status;
    }
    std::unique_ptr<FSWritableFile> copy;
    status = target()->NewWritableFile(CopyOf(path), options, &copy, debug);
    if (status.ok()) {
      *file = std::make_unique<CopiedFile>(std::move(opened), std::move(copy));
    }
    return status;
  }

  IOStatus DeleteFile(const std::string& path, const IOOptions& options,
                      IODebugContext* debug) override {
    // The copy first: alone it would bring the file back.
    if (IsCopied(path)) {
      const IOStatus status =
          target()->DeleteFile(CopyOf(path), options, debug);
      if (!status.ok() && !status.IsPathNotFound()) return status;
    }
    return target()->DeleteFile(path, options, debug);
  }

 private:
  bool IsCopied(const std::string& path) const {
    const stdfs::path whole = stdfs::path(path).lexically_normal();
    const std::string name = whole.filename();
    return (name.starts_with("MANIFEST-") || name.ends_with(".log")) &&
           whole.parent_path() / "" == dir_;
  }

  const stdfs::path dir_;
};

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

struct Copy {
  std::string bytes;   // what it can vouch for
  bool whole = false;  // no frame is cut or damaged
};

Copy ReadCopy(const std::string& path) {
  const std::string copy = ReadAll(path);
  std::string_view rest = copy;
  std::string_view sound = rest;  // what follows the sound frames
  std::string bytes;
  while (rest.size() >= kFrameHeaderBytes) {
    const auto length = base::LoadLe<uint32_t>(rest.data());
    const auto checksum =
        base::LoadLe<uint64_t>(rest.data() + sizeof(uint32_t));
    rest.remove_prefix(kFrameHeaderBytes);
    if (length > rest.size()) break;
    const std::string_view frame = rest.substr(0, length);
    if (base::Hash64Of(frame) != checksum) break;
    bytes.append(frame);
    rest.remove_prefix(length);
    sound = rest;
  }
  return {.bytes = std::move(bytes), .whole = sound.empty()};
}

}  // namespace

std::unique_ptr<rocksdb::Env> MakeCopyingEnv(const std::string& dir) {
  return rocksdb::NewCompositeEnv(std::make_shared<CopyingFileSystem>(dir));
}

std::vector<std::string> FindDamagedOwnFiles(const std::string& dir) {
  std::vector<std::string> damaged;
  std::error_code error;
  for (const auto& entry : stdfs::directory_iterator(dir, error)) {
    stdfs::path path = entry.path();
    if (path.extension() != kCopySuffix) continue;
    const Copy copy = ReadCopy(path);
    path.replace_extension();
    if (!ReadAll(path).starts_with(copy.bytes) ||
        (!copy.whole && !stdfs::exists(path))) {
      damaged.push_back(path);
    }
  }
  std::sort(damaged.begin(), damaged.end());
  return damaged;
}

absl::StatusOr<bool> RestoreFromCopy(const std::string& path,
                                     const std::string& quarantine) {
  const Copy copy = ReadCopy(CopyOf(path));
  std::string bytes = ReadAll(path);
  // Behind the copy's end the file's own checksums tell.
  const bool covered = copy.whole || bytes.size() > copy.bytes.size();
  bytes.replace(0, copy.bytes.size(), copy.bytes);
  std::error_code error;
  if (stdfs::exists(path)) {
    stdfs::create_directories(quarantine, error);
    stdfs::rename(path, stdfs::path(quarantine) / stdfs::path(path).filename(),
                  error);
    if (error) return base::Unavailable("move ", path, ": ", error.message());
  }
  // Not complete before it has its name.
  const std::string unfinished = path + ".tmp";
  const rocksdb::Status written =
      rocksdb::WriteStringToFile(rocksdb::Env::Default(), bytes, unfinished,
                                 /*should_sync=*/true);
  RETURN_IF_ERROR(FromRocks(written, path));
  stdfs::rename(unfinished, path, error);
  if (error) return base::Unavailable("rename ", unfinished, ": ",
                                      error.message());
  return covered;
}

}  // namespace varve::storage
