// Request targets, forms and multipart bodies of any bytes.
#include <cstdlib>
#include <string_view>

#include "net/http/request_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace varve::http;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto target = ParseTarget(bytes);
  if (target.ok()) {
    for (const std::string& part : target->parts) {
      if (part.empty()) std::abort();
    }
  }
  Arguments form;
  (void)ParseForm(bytes, form);
  if (form.size() > kArgumentsMax) std::abort();
  const size_t cut = bytes.find('\n');
  if (cut != std::string_view::npos) {
    Arguments fields;
    (void)ParseMultipart(bytes.substr(cut + 1), bytes.substr(0, cut), fields);
  }
  return 0;
}
