#include "lib/ingest/relabel_config.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/relabel/rule_set.h"
#include "net/http/client.h"

namespace varve::ingest {
namespace {

absl::StatusOr<std::string> Fetch(net::Transport& transport,
                                  const std::string& url) {
  const size_t query = std::min(url.find('?'), url.size());
  ASSIGN_OR_RETURN(const http::BaseUrl base,
                   http::BaseUrl::Parse(url.substr(0, query)));
  const http::ClientRequest request = {
      .address = base.address,
      .target = base::StrCat(base.path.empty() ? "/" : base.path,
                             url.substr(query))};
  ASSIGN_OR_RETURN(
      http::ClientAnswer answer,
      http::Fetch(transport, request, {.body_bytes_max = kConfigBytesMax}));
  if (answer.status == 200) return std::move(answer.body);
  return base::Unavailable("it is answered with ", answer.status);
}

}  // namespace

RelabelFlags::RelabelFlags(base::FlagSet& flags)
    : path_(flags.String(
          "relabelConfig", "",
          "File or http:// URL of relabeling rules that all series that come "
          "in are put through; read again at SIGHUP and /-/reload")),
      check_interval_(flags.Duration(
          "relabelConfigCheckInterval", "0",
          "How often -relabelConfig is looked at for changes; 0: never")),
      prometheus_names_(flags.Bool(
          "usePromCompatibleNaming", false,
          "Make all characters of names but letters, digits and underscores, "
          "and colons in metrics' names, underscores")) {}

absl::Status AddRelabelConfig(const RelabelFlags& flags, Inserter* inserter,
                              net::Transport* transport,
                              telemetry::Metrics* metrics,
                              ConfigReloader& reloader) {
  if (flags.path().empty()) return absl::OkStatus();
  std::function<absl::StatusOr<std::string>()> fetch;
  if (flags.path().find("://") != std::string::npos) {
    fetch = [transport, url = flags.path()] { return Fetch(*transport, url); };
  }
  const auto take = [inserter, last = std::optional<std::string>()](
                        std::string_view text) mutable -> absl::Status {
    ASSIGN_OR_RETURN(std::string yaml, base::ExpandVariables(text));
    // Rules that stay the same are not to make all series new.
    if (last == yaml) return absl::OkStatus();
    ASSIGN_OR_RETURN(relabel::RuleSet rules,
                     relabel::RuleSet::Parse(yaml, relabel::kFileLimits));
    base::LogInfo("-relabelConfig has ", rules.size(), " rules");
    const auto shared =
        std::make_shared<const relabel::RuleSet>(std::move(rules));
    inserter->ChangeRules(
        [&shared](SeriesRuleParts& parts) { parts.relabeling = shared; });
    last = std::move(yaml);
    return absl::OkStatus();
  };
  return reloader.Add(
      std::make_unique<ConfigFile>(
          ConfigFileOptions{.flag = "-relabelConfig",
                            .path = flags.path(),
                            .fetch = fetch,
                            .metric_prefix = "vm_relabel_config",
                            .metrics = metrics},
          take),
      flags.check_interval());
}

}  // namespace varve::ingest
