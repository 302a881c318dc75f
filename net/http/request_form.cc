#include "net/http/request_form.h"

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "lib/base/strings.h"
#include "net/http/request_target.h"

namespace varve::http {

void AddFormArguments(Request& request) {
  if (request.body.empty() || !request.Header("content-encoding").empty()) {
    return;
  }
  const std::string_view type = request.Header("content-type");
  const auto is = [type](std::string_view form_type) {
    return absl::StartsWithIgnoreCase(base::ToAbsl(type),
                                      base::ToAbsl(form_type));
  };
  Arguments form;
  absl::Status status;
  if (is("application/x-www-form-urlencoded")) {
    status = ParseForm(request.body, form);
  } else if (is("multipart/form-data")) {
    status = ParseMultipart(request.body, type, form);
  }
  if (!status.ok()) return;
  for (auto& argument : form) request.arguments.push_back(std::move(argument));
}

}  // namespace varve::http
