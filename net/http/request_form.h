// The fields of a request's form body, which count as arguments.
//
// Threads: a free function without state.
#ifndef VARVE_NET_HTTP_REQUEST_FORM_H_
#define VARVE_NET_HTTP_REQUEST_FORM_H_

#include "net/http/server.h"

namespace varve::http {

// Appends them to request.arguments. What is no form after all (curl -d with
// other data) is left to the handler, and so is a packed one.
void AddFormArguments(Request& request);

}  // namespace varve::http

#endif  // VARVE_NET_HTTP_REQUEST_FORM_H_
