// Labels of OTLP data points: those of the resource and the scope, which many
// points have in common, and those of each point.
//
// Attributes become labels by their keys: maps inside of them as key.inner,
// arrays as JSON, bytes as base64, numbers as the shortest text. Of one name
// the point's label wins over the scope's, and that over the resource's. Empty
// keys and values are none.
//
// Threads: belongs to one.
// Source:  forms and flags: docs/ingestion.md.
#ifndef VARVE_LIB_PROTOCOL_OTLP_LABELS_H_
#define VARVE_LIB_PROTOCOL_OTLP_LABELS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/label.h"
#include "lib/protocol/otlp_data.h"
#include "lib/protocol/sample_batch.h"

namespace varve::protocol {

struct OtlpOptions {
  // As VictoriaMetrics' flags of the same names, -opentelemetry.*.
  bool use_prometheus_naming = false;
  bool convert_metric_names = false;
  bool key_before_underscore = true;  // labelNameUnderscoreSanitization
  bool promote_all_resource_attributes = true;
  std::vector<std::string> promoted_resource_attributes;  // else these only
  std::vector<std::string> ignored_resource_attributes;
  bool promote_scope_metadata = true;
  // Names, labels and target_info as Prometheus makes them; of resource
  // attributes only promoted_resource_attributes are labels.
  bool prometheus = false;

  bool names_converted() const {
    return prometheus || use_prometheus_naming || convert_metric_names;
  }
  bool labels_converted() const { return prometheus || use_prometheus_naming; }
};

class OtlpLabels {
 public:
  // REQUIRES: `options` outlives it.
  explicit OtlpLabels(const OtlpOptions* options) : options_(*options) {}

  void SetResource(const OtlpAttributes& attributes);
  // REQUIRES: SetResource was called.
  void SetScope(const OtlpScope& scope);
  // Canonical bytes of the labels of both; until they are set again.
  std::string_view base() const { return base_bytes_; }
  // In the place of both, such bytes, which outlive their use.
  void SetBase(std::string_view canonical);
  // Labels named `reserved` are left out: the series of the point have one of
  // their own by that name.
  void SetPoint(const OtlpAttributes& attributes, std::string_view reserved);

  // Canonical bytes of the point's labels with the metric's name and, unless
  // `value` is empty, the reserved one; valid until the next call.
  std::string_view Identity(std::string_view metric, std::string_view suffix,
                            std::string_view value);

  // False when the keys of maps in the attributes of the resource, the scope or
  // the point have over 1 MiB, written out: then labels are missing.
  bool complete() const { return base_complete() && point_complete_; }
  bool base_complete() const { return resource_complete_ && scope_complete_; }

  // Bytes of the point's own labels in each of its series.
  size_t point_bytes() const { return bytes_.size(); }

  // Copied for the points since the last time that was freed.
  size_t point_text_bytes() const { return point_texts_.bytes(); }

  // Canonical bytes of target_info's labels; "" when the resource has none
  // that its points have not, or nothing that names it.
  std::string TargetInfo(const OtlpAttributes& resource);

  // Attributes as they are, behind those of `out`.
  static void AppendPlain(const OtlpAttributes& attributes,
                          std::vector<model::Label>& out);

 private:
  struct Label {
    std::string_view name;
    std::string_view value;
  };
  using Labels = std::vector<Label>;

  void Append(std::string_view key, const OtlpValue& value, Arena& texts,
              Labels& labels);
  std::string_view NameOf(std::string_view key, Arena& texts) const;
  bool Promoted(std::string_view key) const;
  void AppendJobAndInstance(const OtlpAttributes& resource);
  // Sorts; joins (";") or drops what has one name.
  void Tidy(Labels& labels, Arena& texts) const;
  // What comes next has this name or a larger one.
  void Pass(std::string_view name);

  static constexpr size_t kNotYet = SIZE_MAX;

  const OtlpOptions& options_;
  Labels resource_, scope_, base_, point_;
  Arena resource_texts_, scope_texts_, point_texts_;
  size_t map_key_bytes_ = 0;  // of what is under way
  bool resource_complete_ = true;
  bool scope_complete_ = true;
  bool point_complete_ = true;
  size_t points_ = 0;  // whose texts are in point_texts_
  // base_ as canonical bytes, and where each label of it begins.
  std::string base_bytes_;
  std::vector<size_t> base_starts_;
  // The point's labels as canonical bytes, and where in them the name and the
  // reserved label belong.
  std::string bytes_;
  std::string_view reserved_;
  size_t name_at_ = 0;
  size_t reserved_at_ = 0;
  std::string identity_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_OTLP_LABELS_H_
