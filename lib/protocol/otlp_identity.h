// Identities of OTLP's series (kOfReader). Of most points their attributes as
// they came, so that no labels are made of series that are known:
//
//   \1 | base | metric | reserved | suffix | value | attributes
//
// Each with its size in bytes before it, a varint, but the last. Base: labels
// of resource and scope in canonical bytes; reserved and value: the label that
// series of the metric have of their own, as le; attributes: fields KeyValue of
// protobuf with texts as values. The others are canonical bytes behind their
// mark.
//
// Lifetime: `options` outlives it.
// Threads:  belongs to one thread.
#ifndef VARVE_LIB_PROTOCOL_OTLP_IDENTITY_H_
#define VARVE_LIB_PROTOCOL_OTLP_IDENTITY_H_

#include <string>
#include <string_view>
#include <vector>

#include "lib/model/label.h"
#include "lib/protocol/otlp_labels.h"
#include "lib/protocol/sample_batch.h"

namespace varve::protocol {

class OtlpIdentities final : public IdentityReader {
 public:
  explicit OtlpIdentities(const OtlpOptions* options) : options_(*options) {}

  // All live until the next.
  void StartMetric(std::string_view base, const std::string* metric,
                   const std::string_view* reserved);
  void StartPoint(const OtlpPoint* point) { point_ = point; }
  // Of a series of the metric and the point's plain attributes; valid until
  // the next call.
  std::string_view OfPlain(std::string_view suffix, std::string_view value);
  std::string_view OfCanonical(std::string_view canonical);

  void MakeLabels(std::string_view identity,
                  std::vector<model::Label>& labels) const override;
  // What beside an identity makes its labels.
  std::string_view context() const {
    return options_.prometheus ? "OTLP as Prometheus" : "OTLP";
  }

 private:
  const OtlpOptions& options_;
  std::string_view base_;
  const std::string* metric_ = nullptr;
  const std::string_view* reserved_ = nullptr;
  const OtlpPoint* point_ = nullptr;
  // Begins with what the metric's series have in common, once there is one.
  std::string identity_;
  size_t prefix_bytes_ = 0;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_OTLP_IDENTITY_H_
