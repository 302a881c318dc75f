// Command-line flags as operators of this kind of database type them.
//
//   FlagSet flags("varve-storage");
//   const auto& path = flags.String("storageDataPath", "vmstorage-data",
//                                   "Where the data is kept");
//   const auto& days = flags.Retention("retentionPeriod", "1", "...");
//   flags.ParseOrExit(argc, argv);
//   Open(path.value());
//
// Accepted: -f=v, --f=v, -f v; bare -bool, also of lists of bools; dots in
// names; repeated flags and comma lists (with quotes and brackets) for arrays;
// %{VAR} in values;
// -envflag.enable and -envflag.prefix (dots become _); -version, -help (exit
// 0, stdout). An unknown flag is an error, exit 2; a value that does not
// parse, exit 2; positional arguments left over, exit 1.
//
// Lifetime: a FlagSet lives as long as the process; handles refer into it.
// Threads:  flags are read-only after parsing.
#ifndef VARVE_LIB_BASE_FLAGS_H_
#define VARVE_LIB_BASE_FLAGS_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace varve::base {

// One registered flag; the typed classes below add the value.
class Flag {
 public:
  Flag(std::string name, std::string default_text, std::string help)
      : name_(std::move(name)),
        default_text_(std::move(default_text)),
        help_(std::move(help)) {}
  virtual ~Flag() = default;

  const std::string& name() const { return name_; }
  const std::string& help() const { return help_; }
  const std::string& default_text() const { return default_text_; }
  bool is_set() const { return is_set_; }

  virtual bool is_bool() const { return false; }
  virtual bool is_secret() const { return false; }
  // The value as /flags and the flag{} metric show it.
  virtual std::string text() const = 0;
  // InvalidArgument names the value and what was expected.
  virtual absl::Status Parse(std::string_view text) = 0;

  void mark_set() { is_set_ = true; }

 private:
  const std::string name_;
  const std::string default_text_;
  const std::string help_;
  bool is_set_ = false;
};

template <typename T>
class TypedFlag : public Flag {
 public:
  using Flag::Flag;
  const T& value() const { return value_; }

 protected:
  T value_{};
};

using StringFlag = TypedFlag<std::string>;
using BoolFlag = TypedFlag<bool>;
using IntFlag = TypedFlag<int64_t>;
using FloatFlag = TypedFlag<double>;
using BytesFlag = TypedFlag<int64_t>;            // 64MiB, 1GB, 1048576
using DurationFlag = TypedFlag<absl::Duration>;  // Go style: 1h30m, 1ms
using RetentionFlag = TypedFlag<absl::Duration>; // 100y, 6M, 2w, 1d; bare: 31 d
using ListFlag = TypedFlag<std::vector<std::string>>;
using BoolListFlag = TypedFlag<std::vector<bool>>;  // bare: one true more

class FlagSet {
 public:
  // `program` is shown by -help and -version.
  explicit FlagSet(std::string program);
  ~FlagSet();

  // REQUIRES: the name is new, the default parses. Registered again with the
  // same type by another role of the same process: the first one is returned.
  const StringFlag& String(std::string name, std::string default_value,
                           std::string help);
  const StringFlag& Secret(std::string name, std::string help);
  const BoolFlag& Bool(std::string name, bool default_value, std::string help);
  const IntFlag& Int(std::string name, int64_t default_value,
                     std::string help);
  const FloatFlag& Float(std::string name, double default_value,
                         std::string help);
  const BytesFlag& Bytes(std::string name, std::string default_value,
                         std::string help);
  const DurationFlag& Duration(std::string name, std::string default_value,
                               std::string help);
  const RetentionFlag& Retention(std::string name, std::string default_value,
                                 std::string help);
  const ListFlag& List(std::string name, std::string default_value,
                       std::string help);
  const BoolListFlag& BoolList(std::string name, std::string help);
  // Known elsewhere, without effect here: accepted and ignored, with or
  // without a value. A later registration with a type takes its place.
  void Accept(std::string name, std::string help);

  // OK, or what is wrong; `exit_code` gets the code to end with: -1 to go on,
  // 0 where -help or -version was asked for.
  absl::Status Parse(const std::vector<std::string>& args, int* exit_code);
  // Prints the error, the help or the version and exits where Parse says so.
  void ParseOrExit(int argc, char** argv);

  const std::map<std::string, std::unique_ptr<Flag>>& flags() const {
    return flags_;
  }
  const std::string& program() const { return program_; }
  std::string HelpText() const;
  std::string VersionText() const;
  // `-name="value"` lines of the flags that are set, for /flags.
  std::string FlagsText() const;
  // The value, or "secret" for secret flags, for those that -secret.flags
  // names and for names that sound secret (pass, key, secret, token).
  std::string ShownText(const Flag& flag) const;

 private:
  template <typename F>
  const F& Add(std::unique_ptr<F> flag);
  absl::Status Assign(Flag& flag, std::string_view value);
  absl::Status ParseOne(const std::vector<std::string>& args, size_t& next);
  absl::Status ParseEnvironment();

  const std::string program_;
  std::map<std::string, std::unique_ptr<Flag>> flags_;
  const BoolFlag* envflag_enable_ = nullptr;
  const StringFlag* envflag_prefix_ = nullptr;
  const ListFlag* secret_flags_ = nullptr;
  const BoolFlag* version_ = nullptr;
  const BoolFlag* help_ = nullptr;
};

// Puts environment variables in the place of %{NAME}; InvalidArgument for one
// that is not set.
absl::StatusOr<std::string> ExpandVariables(std::string_view text);

// "1h30m", "1ms", "0", "1.5s"; InvalidArgument otherwise.
absl::StatusOr<absl::Duration> ParseGoDuration(std::string_view text);
// Suffixes s h d w M (31 d) y (365 d); a bare number is months.
absl::StatusOr<absl::Duration> ParseRetention(std::string_view text);
// A number, fractions too, with KB MB GB TB KiB MiB GiB TiB or no suffix.
absl::StatusOr<int64_t> ParseBytes(std::string_view text);
// 1 t T TRUE true True, 0 f F FALSE false False.
absl::StatusOr<bool> ParseBool(std::string_view text);
// Splits at commas outside "…", '…', [], {} and (). An item that is one quoted
// string loses its quotes and backslashes. "" has no items, "a," has two.
std::vector<std::string> SplitList(std::string_view text);

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_FLAGS_H_
