#include "lib/relabel/prometheus_names.h"

#include "absl/strings/ascii.h"

namespace varve::relabel {
namespace {

void MakeName(bool colons, std::string& name) {
  size_t kept = 0;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) == 0x80 && kept > 0) continue;  // goes on
    const bool good =
        absl::ascii_isalnum(byte) || c == '_' || (colons && c == ':');
    name[kept++] = good ? c : '_';
  }
  name.resize(kept);
}

}  // namespace

void MakePrometheusNames(Labels& labels) {
  for (model::Label& label : labels) {
    if (label.name == model::kMetricName) {
      MakeName(/*colons=*/true, label.value);
    } else {
      MakeName(/*colons=*/false, label.name);
    }
  }
}

}  // namespace varve::relabel
