"""HTTP as the clients of a metrics database speak it; loopback only."""

import http.client
import json
import urllib.parse


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self):
        return self.body.decode(errors="replace")

    def json(self):
        return json.loads(self.body)


def request(address, method, path, body=None, headers=None, seconds=60):
    host, port = address.rsplit(":", 1)
    if host in ("[::]", "0.0.0.0", ""):
        host = "127.0.0.1"
    connection = http.client.HTTPConnection(host.strip("[]"), int(port),
                                            timeout=seconds)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()),
                      response.read())
    finally:
        connection.close()


def get(address, path, arguments=None, **kwargs):
    if arguments:
        path += "?" + urllib.parse.urlencode(arguments, doseq=True)
    return request(address, "GET", path, **kwargs)


def post_form(address, path, arguments, **kwargs):
    return request(
        address, "POST", path, urllib.parse.urlencode(arguments, doseq=True),
        {"Content-Type": "application/x-www-form-urlencoded"}, **kwargs)


def metric(address, name):
    """The sum over all lines of /metrics of `name`, which may end with labels
    or a beginning of them."""
    total, found = 0.0, False
    for line in get(address, "/metrics").text.splitlines():
        if line.startswith(name) and ("{" in name or
                                      line[len(name)] in " {"):
            total += float(line.rsplit(" ", 1)[1])
            found = True
    if not found:
        raise AssertionError(f"{address}/metrics has no {name}")
    return total
