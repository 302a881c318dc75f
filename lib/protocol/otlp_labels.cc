#include "lib/protocol/otlp_labels.h"

#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/strings.h"
#include "lib/model/label.h"
#include "lib/protocol/otlp_names.h"
#include "lib/protocol/otlp_text.h"

namespace varve::protocol {
namespace {

constexpr std::string_view kServiceName = "service.name";
constexpr std::string_view kServiceNamespace = "service.namespace";
constexpr std::string_view kServiceInstance = "service.instance.id";

// Keys of maps inside of maps are copied for each value in them.
constexpr size_t kMapKeyBytesMax = 1 << 20;

bool IsIdentifying(std::string_view key) {
  return key == kServiceName || key == kServiceNamespace ||
         key == kServiceInstance;
}

void AppendLabel(std::string& out, std::string_view name,
                 std::string_view value) {
  base::PutLengthPrefixed(out, name);
  base::PutLengthPrefixed(out, value);
}

bool Contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// As text; "" without it.
std::string Find(const OtlpAttributes& attributes, std::string_view key) {
  for (const OtlpAttribute& attribute : attributes) {
    if (attribute.key == key) return ValueText(attribute.value);
  }
  return "";
}

}  // namespace

std::string_view OtlpLabels::NameOf(std::string_view key, Arena& texts) const {
  if (!options_.labels_converted()) return key;
  const std::string name =
      PrometheusLabelName(key, options_.key_before_underscore);
  return name == key ? key : texts.Copy(name);
}

void OtlpLabels::Append(std::string_view key, const OtlpValue& value,
                        Arena& texts, Labels& labels) {
  if (key.empty()) return;
  if (value.kind == OtlpValue::Kind::kString) {
    if (!value.text.empty()) {
      labels.push_back({NameOf(key, texts), value.text});
    }
  } else if (value.kind == OtlpValue::Kind::kMap && !options_.prometheus) {
    for (const OtlpAttribute& child : value.children) {
      map_key_bytes_ += key.size() + 1 + child.key.size();
      if (map_key_bytes_ > kMapKeyBytesMax) return;
      Append(texts.Copy(base::StrCat(key, ".", child.key)), child.value, texts,
             labels);
    }
  } else if (value.kind != OtlpValue::Kind::kNone) {
    const std::string text = ValueText(value);
    if (text.empty()) return;
    labels.push_back({NameOf(key, texts), texts.Copy(text)});
  }
}

void OtlpLabels::Tidy(Labels& labels, Arena& texts) const {
  // Points have a few; most senders sort them.
  constexpr size_t kFew = 16;
  const auto before = [](const Label& a, const Label& b) {
    return a.name < b.name;
  };
  if (labels.size() > kFew) {
    std::stable_sort(labels.begin(), labels.end(), before);
  } else {
    for (size_t i = 1; i < labels.size(); ++i) {
      for (size_t j = i; j > 0 && before(labels[j], labels[j - 1]); --j) {
        std::swap(labels[j], labels[j - 1]);
      }
    }
  }
  size_t kept = 0;
  for (size_t first = 0, end = 0; first < labels.size(); first = end) {
    end = first + 1;
    while (end < labels.size() && labels[end].name == labels[first].name) {
      ++end;
    }
    Label label = labels[end - 1];
    if (end - first > 1 && options_.labels_converted()) {
      // Different keys may have become one name.
      std::string joined(labels[first].value);
      for (size_t i = first + 1; i < end; ++i) {
        base::StrAppend(&joined, ";", labels[i].value);
      }
      label.value = texts.Copy(joined);
    }
    labels[kept++] = label;
  }
  labels.resize(kept);
}

bool OtlpLabels::Promoted(std::string_view key) const {
  if (options_.prometheus || !options_.promote_all_resource_attributes) {
    return Contains(options_.promoted_resource_attributes, key);
  }
  return !Contains(options_.ignored_resource_attributes, key);
}

void OtlpLabels::AppendJobAndInstance(const OtlpAttributes& resource) {
  std::string job = Find(resource, kServiceName);
  const std::string space = Find(resource, kServiceNamespace);
  const std::string instance = Find(resource, kServiceInstance);
  if (!job.empty() && !space.empty()) job = base::StrCat(space, "/", job);
  const auto set = [this](std::string_view name, std::string_view value) {
    std::erase_if(resource_, [name](const Label& l) { return l.name == name; });
    if (!value.empty()) {
      resource_.push_back({name, resource_texts_.Copy(value)});
    }
  };
  set("job", job);
  set("instance", instance);
}

void OtlpLabels::SetResource(const OtlpAttributes& attributes) {
  resource_.clear();
  resource_texts_.Clear();
  map_key_bytes_ = 0;
  for (const OtlpAttribute& attribute : attributes) {
    if (!Promoted(attribute.key)) continue;
    Append(attribute.key, attribute.value, resource_texts_, resource_);
  }
  if (options_.prometheus) AppendJobAndInstance(attributes);
  Tidy(resource_, resource_texts_);
  resource_complete_ = map_key_bytes_ <= kMapKeyBytesMax;
}

void OtlpLabels::SetScope(const OtlpScope& scope) {
  scope_.clear();
  scope_texts_.Clear();
  map_key_bytes_ = 0;
  const bool prometheus = options_.prometheus;
  const auto add = [&](std::string_view key, std::string_view text) {
    OtlpValue value;
    value.kind = OtlpValue::Kind::kString;
    value.text = text;
    Append(key, value, scope_texts_, scope_);
  };
  const auto or_unknown = [](std::string_view text) {
    return text.empty() ? std::string_view("unknown") : text;
  };
  if (options_.promote_scope_metadata && scope.present &&
      (!prometheus || !scope.name.empty())) {
    add(prometheus ? "otel_scope_name" : "scope.name", or_unknown(scope.name));
    add(prometheus ? "otel_scope_version" : "scope.version",
        prometheus ? scope.version : or_unknown(scope.version));
    if (prometheus) add("otel_scope_schema_url", scope.schema_url);
    const std::string_view prefix =
        prometheus ? "otel_scope_" : "scope.attributes.";
    for (const OtlpAttribute& attribute : scope.attributes) {
      if (attribute.key.empty()) continue;
      Append(scope_texts_.Copy(base::StrCat(prefix, attribute.key)),
             attribute.value, scope_texts_, scope_);
    }
    Tidy(scope_, scope_texts_);
  }
  scope_complete_ = map_key_bytes_ <= kMapKeyBytesMax;
  base_.clear();
  std::merge(resource_.begin(), resource_.end(), scope_.begin(), scope_.end(),
             std::back_inserter(base_), [](const Label& a, const Label& b) {
               return a.name < b.name;
             });
  // Of equal names std::merge has the resource's first.
  base_bytes_.clear();
  base_starts_.clear();
  size_t kept = 0;
  for (size_t i = 0; i < base_.size(); ++i) {
    if (i + 1 < base_.size() && base_[i + 1].name == base_[i].name) continue;
    if (base_[i].name == model::kMetricName) continue;
    base_starts_.push_back(base_bytes_.size());
    AppendLabel(base_bytes_, base_[i].name, base_[i].value);
    base_[kept++] = base_[i];
  }
  base_.resize(kept);
  base_starts_.push_back(base_bytes_.size());
}

void OtlpLabels::SetBase(std::string_view canonical) {
  base_.clear();
  base_starts_.clear();
  base_bytes_ = canonical;
  base::ByteReader reader(canonical);
  while (!reader.empty()) {
    base_starts_.push_back(canonical.size() - reader.rest().size());
    const std::string_view name = reader.LengthPrefixed();
    base_.push_back({name, reader.LengthPrefixed()});
  }
  base_starts_.push_back(canonical.size());
}

void OtlpLabels::Pass(std::string_view name) {
  if (name_at_ == kNotYet && name >= model::kMetricName) {
    name_at_ = bytes_.size();
  }
  if (reserved_at_ == kNotYet && name >= reserved_) {
    reserved_at_ = bytes_.size();
  }
}

void OtlpLabels::SetPoint(const OtlpAttributes& attributes,
                          std::string_view reserved) {
  point_.clear();
  // Not for each point: a clear frees what the next one needs.
  constexpr size_t kPointsKept = 64;
  constexpr size_t kTextBytesKept = 1 << 20;
  if (++points_ > kPointsKept || point_texts_.bytes() > kTextBytesKept) {
    point_texts_.Clear();
    points_ = 0;
  }
  map_key_bytes_ = 0;
  for (const OtlpAttribute& attribute : attributes) {
    Append(attribute.key, attribute.value, point_texts_, point_);
  }
  Tidy(point_, point_texts_);
  point_complete_ = map_key_bytes_ <= kMapKeyBytesMax;
  reserved_ = reserved;
  bytes_.clear();
  name_at_ = kNotYet;
  reserved_at_ = kNotYet;
  size_t base = 0;
  for (size_t point = 0; point < point_.size() || base < base_.size();) {
    if (point == point_.size() ||
        (base < base_.size() && base_[base].name < point_[point].name)) {
      Pass(base_[base].name);
      if (base_[base].name != reserved_) {
        bytes_.append(base_bytes_, base_starts_[base],
                      base_starts_[base + 1] - base_starts_[base]);
      }
      ++base;
      continue;
    }
    const Label& label = point_[point++];
    const bool same = base < base_.size() && base_[base].name == label.name;
    // As Prometheus does, job and instance are the resource's.
    if (same && options_.prometheus &&
        (label.name == "job" || label.name == "instance")) {
      continue;
    }
    if (same) ++base;
    Pass(label.name);
    if (label.name == model::kMetricName || label.name == reserved_) continue;
    AppendLabel(bytes_, label.name, label.value);
  }
  if (name_at_ == kNotYet) name_at_ = bytes_.size();
  if (reserved_at_ == kNotYet) reserved_at_ = bytes_.size();
}

std::string_view OtlpLabels::Identity(std::string_view metric,
                                      std::string_view suffix,
                                      std::string_view value) {
  identity_.assign(bytes_, 0, name_at_);
  base::PutLengthPrefixed(identity_, model::kMetricName);
  base::PutVarint(identity_, metric.size() + suffix.size());
  identity_.append(metric);
  identity_.append(suffix);
  size_t from = name_at_;
  if (!value.empty()) {
    identity_.append(bytes_, from, reserved_at_ - from);
    AppendLabel(identity_, reserved_, value);
    from = reserved_at_;
  }
  identity_.append(bytes_, from);
  return identity_;
}

std::string OtlpLabels::TargetInfo(const OtlpAttributes& resource) {
  bool more = false;
  Labels labels;
  Arena texts;
  for (const OtlpAttribute& attribute : resource) {
    if (IsIdentifying(attribute.key)) continue;
    Append(attribute.key, attribute.value, texts, labels);
    more = true;
  }
  Tidy(labels, texts);
  bool named = false;
  for (const Label& label : resource_) {
    if (label.name != "job" && label.name != "instance") continue;
    std::erase_if(labels, [&](const Label& l) { return l.name == label.name; });
    labels.push_back(label);
    named = true;
  }
  if (!more || !named) return "";
  std::vector<model::Label> copies = {
      {std::string(model::kMetricName), "target_info"}};
  for (const Label& label : labels) {
    if (label.name == model::kMetricName) continue;
    copies.push_back({std::string(label.name), std::string(label.value)});
  }
  std::string bytes;
  model::AppendCanonicalBytes(bytes, model::LabelSet(std::move(copies)));
  return bytes;
}

void OtlpLabels::AppendPlain(const OtlpAttributes& attributes,
                             std::vector<model::Label>& out) {
  for (const OtlpAttribute& attribute : attributes) {
    std::string text = ValueText(attribute.value);
    if (attribute.key.empty() || text.empty()) continue;
    out.push_back({std::string(attribute.key), std::move(text)});
  }
}

}  // namespace varve::protocol
