"""A real vmagent, which scrapes once a second and keeps what it cannot send."""

import json
import os

from tests.support import http_client
from tests.support.peers import free_port
from tests.support.processes import Process, peer


class Agent:
    """Scrapes `targets` as the job `name` and writes to `urls`; its queue is
    in `folder`."""

    def __init__(self, folder, name, targets, urls, args=(), labels=None):
        home = os.path.join(folder, name)
        os.makedirs(home, exist_ok=True)
        config = os.path.join(home, "scrape.yml")
        with open(config, "w", encoding="ascii") as file:
            json.dump({"global": {"scrape_interval": "1s"},
                       "scrape_configs": [{
                           "job_name": name,
                           "static_configs": [{"targets": targets,
                                               "labels": labels or {}}]}]},
                      file)
        self.targets = targets
        self.address = f"127.0.0.1:{free_port()}"
        self.process = Process(f"vmagent-{name}", peer("vmagent"), [
            f"-promscrape.config={config}", f"-httpListenAddr={self.address}",
            f"-remoteWrite.tmpDataPath={home}/queue",
            "-remoteWrite.flushInterval=500ms",
            *(f"-remoteWrite.url=http://{url}" for url in urls), *args])

    def metric(self, name):
        return http_client.metric(self.address, name)

    def stop(self):
        self.process.stop(40)
