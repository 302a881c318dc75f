#include "lib/base/flags.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/base/version.h"

namespace varve::base {
namespace {

constexpr int kGoOn = -1;
constexpr int kExitUsage = 2;
constexpr int kExitPositional = 1;

std::string JoinList(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) {
    if (&item != &items.front()) out.push_back(',');
    out.append(item);
  }
  return out;
}

// The typed flags; what they share is the text they were given.
template <typename T, absl::Status (*kParse)(std::string_view, T&)>
class ParsedFlag final : public TypedFlag<T> {
 public:
  using TypedFlag<T>::TypedFlag;
  bool is_bool() const override { return std::is_same_v<T, bool>; }
  std::string text() const override { return text_; }
  absl::Status Parse(std::string_view text) override {
    RETURN_IF_ERROR(kParse(text, this->value_));
    text_ = text;
    return absl::OkStatus();
  }

 private:
  std::string text_;
};

absl::Status TakeString(std::string_view text, std::string& value) {
  value = text;
  return absl::OkStatus();
}

absl::Status TakeBool(std::string_view text, bool& value) {
  ASSIGN_OR_RETURN(value, ParseBool(text));
  return absl::OkStatus();
}

template <typename T>
absl::Status TakeNumber(std::string_view text, T& value) {
  const std::string_view digits =
      text.starts_with("+") ? text.substr(1) : text;
  const char* const end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end) {
    return InvalidArgument("cannot parse number \"", text, "\"");
  }
  return absl::OkStatus();
}

absl::Status TakeBytes(std::string_view text, int64_t& value) {
  ASSIGN_OR_RETURN(value, ParseBytes(text));
  return absl::OkStatus();
}

absl::Status TakeDuration(std::string_view text, absl::Duration& value) {
  ASSIGN_OR_RETURN(value, ParseGoDuration(text));
  return absl::OkStatus();
}

absl::Status TakeRetention(std::string_view text, absl::Duration& value) {
  ASSIGN_OR_RETURN(value, ParseRetention(text));
  return absl::OkStatus();
}

// The first value replaces the default, further ones are added.
class ListFlagImpl final : public ListFlag {
 public:
  using ListFlag::ListFlag;
  std::string text() const override { return JoinList(value_); }
  absl::Status Parse(std::string_view text) override {
    if (!is_set()) value_.clear();
    for (std::string& item : SplitList(text)) {
      value_.push_back(std::move(item));
    }
    return absl::OkStatus();
  }
};

// Without a default.
class BoolListFlagImpl final : public BoolListFlag {
 public:
  using BoolListFlag::BoolListFlag;
  bool is_bool() const override { return true; }
  std::string text() const override {
    std::vector<std::string> items;
    for (const bool on : value_) items.push_back(on ? "true" : "false");
    return JoinList(items);
  }
  absl::Status Parse(std::string_view text) override {
    for (const std::string& item : SplitList(text)) {
      ASSIGN_OR_RETURN(const bool on, ParseBool(item));
      value_.push_back(on);
    }
    return absl::OkStatus();
  }
};

class SecretFlag final : public StringFlag {
 public:
  using StringFlag::StringFlag;
  bool is_secret() const override { return true; }
  std::string text() const override { return "secret"; }
  absl::Status Parse(std::string_view text) override {
    constexpr std::string_view kFile = "file://";
    if (text.starts_with("http://") || text.starts_with("https://")) {
      return InvalidArgument("secrets from URLs are not supported; use file://");
    }
    if (!text.starts_with(kFile)) {
      value_ = text;
      return absl::OkStatus();
    }
    const std::string path(text.substr(kFile.size()));
    std::ifstream file(path);
    if (!file) return InvalidArgument("cannot read the file \"", path, "\"");
    value_.assign(std::istreambuf_iterator<char>(file), {});
    // Editors end files with a line break that is no part of the secret.
    while (!value_.empty() && (value_.back() == '\n' || value_.back() == '\r' ||
                               value_.back() == ' ')) {
      value_.pop_back();
    }
    return absl::OkStatus();
  }
};

class IgnoredFlag final : public Flag {
 public:
  using Flag::Flag;
  std::string text() const override { return text_; }
  absl::Status Parse(std::string_view text) override {
    text_ = text;
    return absl::OkStatus();
  }

 private:
  std::string text_;
};

}  // namespace

absl::StatusOr<std::string> ExpandVariables(std::string_view text) {
  std::string out;
  while (true) {
    const size_t begin = text.find("%{");
    const size_t end =
        begin == std::string_view::npos ? begin : text.find('}', begin);
    if (end == std::string_view::npos) {
      out.append(text);
      return out;
    }
    out.append(text.substr(0, begin));
    const std::string name(text.substr(begin + 2, end - begin - 2));
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr) {
      return InvalidArgument("missing \"", name,
                             "\" env var for the placeholder %{", name, "}");
    }
    out.append(value);
    text.remove_prefix(end + 1);
  }
}

FlagSet::FlagSet(std::string program) : program_(std::move(program)) {
  envflag_enable_ = &Bool("envflag.enable", false,
                          "Whether to read flags from environment variables; "
                          "the command line wins over them");
  envflag_prefix_ = &String("envflag.prefix", "",
                            "Prefix of the environment variables that "
                            "-envflag.enable reads");
  secret_flags_ = &List("secret.flags", "",
                        "Names of flags whose values are hidden in /metrics "
                        "and /flags");
  version_ = &Bool("version", false, "Print the version and exit");
  help_ = &Bool("help", false, "Print the flags and exit");
}

FlagSet::~FlagSet() = default;

template <typename F>
const F& FlagSet::Add(std::unique_ptr<F> flag) {
  auto& slot = flags_[flag->name()];
  if (slot == nullptr || dynamic_cast<IgnoredFlag*>(slot.get()) != nullptr) {
    const absl::Status status = flag->Parse(flag->default_text());
    if (!status.ok()) {
      LogError("BUG: default of -", flag->name(), ": ", Message(status));
      std::abort();
    }
    slot = std::move(flag);
  }
  const F* const typed = dynamic_cast<const F*>(slot.get());
  if (typed == nullptr) {
    LogError("BUG: -", slot->name(), " is registered with two types");
    std::abort();
  }
  return *typed;
}

const StringFlag& FlagSet::String(std::string name, std::string default_value,
                                  std::string help) {
  using F = ParsedFlag<std::string, TakeString>;
  return Add(std::make_unique<F>(std::move(name), std::move(default_value),
                                 std::move(help)));
}

const StringFlag& FlagSet::Secret(std::string name, std::string help) {
  return Add(std::make_unique<SecretFlag>(std::move(name), "",
                                          std::move(help)));
}

const BoolFlag& FlagSet::Bool(std::string name, bool default_value,
                              std::string help) {
  using F = ParsedFlag<bool, TakeBool>;
  return Add(std::make_unique<F>(
      std::move(name), default_value ? "true" : "false", std::move(help)));
}

const IntFlag& FlagSet::Int(std::string name, int64_t default_value,
                            std::string help) {
  using F = ParsedFlag<int64_t, TakeNumber<int64_t>>;
  return Add(std::make_unique<F>(std::move(name), StrCat(default_value),
                                 std::move(help)));
}

const FloatFlag& FlagSet::Float(std::string name, double default_value,
                                std::string help) {
  using F = ParsedFlag<double, TakeNumber<double>>;
  return Add(std::make_unique<F>(std::move(name), StrCat(default_value),
                                 std::move(help)));
}

const BytesFlag& FlagSet::Bytes(std::string name, std::string default_value,
                                std::string help) {
  using F = ParsedFlag<int64_t, TakeBytes>;
  return Add(std::make_unique<F>(std::move(name), std::move(default_value),
                                 std::move(help)));
}

const DurationFlag& FlagSet::Duration(std::string name,
                                      std::string default_value,
                                      std::string help) {
  using F = ParsedFlag<absl::Duration, TakeDuration>;
  return Add(std::make_unique<F>(std::move(name), std::move(default_value),
                                 std::move(help)));
}

const RetentionFlag& FlagSet::Retention(std::string name,
                                        std::string default_value,
                                        std::string help) {
  using F = ParsedFlag<absl::Duration, TakeRetention>;
  return Add(std::make_unique<F>(std::move(name), std::move(default_value),
                                 std::move(help)));
}

const ListFlag& FlagSet::List(std::string name, std::string default_value,
                              std::string help) {
  return Add(std::make_unique<ListFlagImpl>(
      std::move(name), std::move(default_value), std::move(help)));
}

const BoolListFlag& FlagSet::BoolList(std::string name, std::string help) {
  return Add(std::make_unique<BoolListFlagImpl>(std::move(name), "",
                                                std::move(help)));
}

void FlagSet::Accept(std::string name, std::string help) {
  auto& slot = flags_[name];
  if (slot == nullptr) {
    slot = std::make_unique<IgnoredFlag>(name, "", std::move(help));
  }
}

absl::Status FlagSet::Assign(Flag& flag, std::string_view value) {
  auto expanded = ExpandVariables(value);
  absl::Status status =
      expanded.ok() ? flag.Parse(*expanded) : expanded.status();
  if (!status.ok()) {
    return InvalidArgument("invalid value \"",
                           flag.is_secret() ? "secret" : value, "\" for flag -",
                           flag.name(), ": ", Message(status));
  }
  flag.mark_set();
  return absl::OkStatus();
}

// Parses the flag args[next] and moves `next` behind it and its value.
// REQUIRES: args[next] begins with a dash.
absl::Status FlagSet::ParseOne(const std::vector<std::string>& args,
                               size_t& next) {
  const std::string& arg = args[next++];
  std::string_view body(arg);
  body.remove_prefix(body.starts_with("--") ? 2 : 1);
  const size_t equals = body.find('=');
  std::string name(body.substr(0, equals));
  if (name.empty() || name.starts_with("-")) {
    return InvalidArgument("bad flag syntax: ", arg);
  }
  if (name == "h") name = "help";
  const auto found = flags_.find(name);
  if (found == flags_.end()) {
    return InvalidArgument("flag provided but not defined: -", name);
  }
  Flag& flag = *found->second;
  if (equals != std::string_view::npos) {
    return Assign(flag, body.substr(equals + 1));
  }
  if (flag.is_bool()) return Assign(flag, "true");
  const bool has_next = next < args.size();
  if (dynamic_cast<const IgnoredFlag*>(&flag) != nullptr) {
    // Its type is not known: what follows is its value unless a flag.
    const bool takes = has_next && !args[next].starts_with("-");
    return Assign(flag, takes ? args[next++] : "true");
  }
  if (!has_next) return InvalidArgument("flag needs an argument: -", name);
  return Assign(flag, args[next++]);
}

absl::Status FlagSet::ParseEnvironment() {
  for (const auto& [name, flag] : flags_) {
    if (flag->is_set()) continue;
    std::string variable = envflag_prefix_->value() + name;
    for (char& c : variable) {
      if (c == '.') c = '_';
    }
    const char* const value = std::getenv(variable.c_str());
    if (value != nullptr) RETURN_IF_ERROR(Assign(*flag, value));
  }
  return absl::OkStatus();
}

absl::Status FlagSet::Parse(const std::vector<std::string>& args,
                            int* exit_code) {
  *exit_code = kExitUsage;
  size_t next = 0;
  while (next < args.size() && args[next].starts_with("-") &&
         args[next].size() > 1) {
    if (args[next] == "--") {
      ++next;
      break;
    }
    RETURN_IF_ERROR(ParseOne(args, next));
  }
  if (next < args.size()) {
    *exit_code = kExitPositional;
    std::string left;
    for (; next < args.size(); ++next) {
      StrAppend(&left, left.empty() ? "" : " ", args[next]);
    }
    return InvalidArgument("unprocessed command-line args left: [", left, "]");
  }
  if (envflag_enable_->value()) RETURN_IF_ERROR(ParseEnvironment());
  *exit_code = help_->value() || version_->value() ? 0 : kGoOn;
  return absl::OkStatus();
}

void FlagSet::ParseOrExit(int argc, char** argv) {
  int exit_code = kGoOn;
  const absl::Status status =
      Parse(std::vector<std::string>(argv + 1, argv + argc), &exit_code);
  if (!status.ok()) {
    const std::string text =
        StrCat(Message(status), "\nRun ", program_, " -help for its flags.\n");
    std::fputs(text.c_str(), stderr);
  } else if (exit_code != kGoOn) {
    const std::string text = help_->value() ? HelpText() : VersionText();
    std::fputs(text.c_str(), stdout);
  }
  if (exit_code == kGoOn) return;
  std::fflush(nullptr);
  std::exit(exit_code);
}

std::string FlagSet::VersionText() const {
  return StrCat(program_, "-varve-", kVersion, "\n");
}

std::string FlagSet::HelpText() const {
  std::string out = StrCat("Usage: ", program_, " [flags]\n\n");
  for (const auto& [name, flag] : flags_) {
    StrAppend(&out, "  -", name, flag->is_bool() ? "" : " value", "\n     ",
              flag->help());
    if (!flag->default_text().empty()) {
      StrAppend(&out, " (default ", flag->default_text(), ")");
    }
    out.push_back('\n');
  }
  return out;
}

std::string FlagSet::ShownText(const Flag& flag) const {
  std::string lower;
  for (const char c : flag.name()) {
    lower.push_back(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  }
  bool hidden = flag.is_secret();
  for (const char* word : {"pass", "key", "secret", "token", "url", "header"}) {
    // Hides paths such as -tlsKeyFile too: better one too many.
    if (lower.find(word) != std::string::npos) hidden = true;
  }
  for (const std::string& name : secret_flags_->value()) {
    if (name == flag.name()) hidden = true;
  }
  return hidden ? "secret" : flag.text();
}

std::string FlagSet::FlagsText() const {
  std::string out;
  for (const auto& [name, flag] : flags_) {
    if (!flag->is_set()) continue;
    StrAppend(&out, "-", name, "=\"");
    for (const char c : ShownText(*flag)) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.append("\"\n");
  }
  return out;
}

}  // namespace varve::base
