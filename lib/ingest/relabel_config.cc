#include "lib/ingest/relabel_config.h"

#include <memory>
#include <optional>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/relabel/rule_set.h"

namespace varve::ingest {

RelabelFlags::RelabelFlags(base::FlagSet& flags)
    : path_(flags.String(
          "relabelConfig", "",
          "File of relabeling rules that all series that come in are put "
          "through; read again at SIGHUP and /-/reload")),
      check_interval_(flags.Duration(
          "relabelConfigCheckInterval", "0",
          "How often -relabelConfig is looked at for changes; 0: never")),
      prometheus_names_(flags.Bool(
          "usePromCompatibleNaming", false,
          "Make all characters of names but letters, digits and underscores, "
          "and colons in metrics' names, underscores")) {}

absl::Status AddRelabelConfig(const RelabelFlags& flags, Inserter* inserter,
                              telemetry::Metrics* metrics,
                              ConfigReloader& reloader) {
  if (flags.path().empty()) return absl::OkStatus();
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
                            .metric_prefix = "vm_relabel_config",
                            .metrics = metrics},
          take),
      flags.check_interval());
}

}  // namespace varve::ingest
