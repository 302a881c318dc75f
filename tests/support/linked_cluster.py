"""A cluster whose links between roles can be made bad."""

from tests.support.cluster import Cluster
from tests.support.tcp_proxy import Link


class LinkedCluster(Cluster):
    """Insert nodes reach storages[i] by insert_links[i], as do the other
    storage nodes, which learn of it from them; select nodes by
    select_links[i]."""

    def __init__(self, seed=0, inserts=1, selects=1, **arguments):
        self.insert_links, self.select_links = [], []
        super().__init__(inserts=0, selects=0, **arguments)
        try:
            for i, storage in enumerate(self.storages):
                self.insert_links.append(
                    Link(storage.insert_address, seed + i))
                self.select_links.append(
                    Link(storage.select_address, seed - i))
            for _ in range(inserts):
                self.add_insert(nodes=",".join(
                    link.address for link in self.insert_links))
            for _ in range(selects):
                self.add_select(nodes=",".join(
                    link.address for link in self.select_links))
        except BaseException:
            self.close()
            raise

    def close(self):
        for link in self.insert_links + self.select_links:
            link.mode = "pass"
        super().close()
        for link in self.insert_links + self.select_links:
            link.close()
