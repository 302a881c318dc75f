#include "lib/protocol/otlp_identity.h"

#include "lib/base/byte_coding.h"
#include "lib/protocol/otlp_data.h"
#include "lib/protocol/otlp_protobuf_attributes.h"

namespace varve::protocol {
namespace {

constexpr char kPlainMark = '\1';

}  // namespace

void OtlpIdentities::StartMetric(std::string_view base,
                                 const std::string* metric,
                                 const std::string_view* reserved) {
  base_ = base;
  metric_ = metric;
  reserved_ = reserved;
  // Not made here: metrics without points are short where the base is long.
  prefix_bytes_ = 0;
}

std::string_view OtlpIdentities::OfPlain(std::string_view suffix,
                                         std::string_view value) {
  identity_.resize(prefix_bytes_);
  if (prefix_bytes_ == 0) {
    identity_.push_back(kPlainMark);
    base::PutLengthPrefixed(identity_, base_);
    base::PutLengthPrefixed(identity_, *metric_);
    base::PutLengthPrefixed(identity_, *reserved_);
    prefix_bytes_ = identity_.size();
  }
  base::PutLengthPrefixed(identity_, suffix);
  base::PutLengthPrefixed(identity_, value);
  identity_ += point_->plain_attributes;
  return identity_;
}

std::string_view OtlpIdentities::OfCanonical(std::string_view canonical) {
  prefix_bytes_ = 0;
  identity_.assign(1, kCanonicalMark);
  identity_ += canonical;
  return identity_;
}

void OtlpIdentities::MakeLabels(std::string_view identity,
                                std::vector<model::Label>& labels) const {
  base::ByteReader reader(identity.substr(1));
  const std::string_view base = reader.LengthPrefixed();
  const std::string_view metric = reader.LengthPrefixed();
  const std::string_view reserved = reader.LengthPrefixed();
  const std::string_view suffix = reader.LengthPrefixed();
  const std::string_view value = reader.LengthPrefixed();
  OtlpAttributes attributes;
  ReadPlainAttributes(reader.rest(), attributes);
  OtlpLabels made(&options_);
  made.SetBase(base);
  made.SetPoint(attributes, reserved);
  const auto set =
      model::ParseCanonicalBytes(made.Identity(metric, suffix, value));
  labels.clear();
  if (set.ok()) labels = set->labels();  // always: the bytes are our own
}

}  // namespace varve::protocol
