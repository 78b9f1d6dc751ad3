"""A Ray cluster on this machine, in a process of its own: ``python ray_cluster.py FOLDER NODES``.

Each node has two CPUs and two GPUs that do not exist, and a cache of its own in FOLDER, so that the
devices of two nodes are different ones. Prints the address, then answers each line on its standard
input: ``remove N`` kills node N as a power cut does, ``add`` starts another; the answer has the ids
of all nodes that were started. Ends with its input.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0"}
to = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def main(folder: str, count: int) -> None:
    """Run the cluster until there is no more input."""
    from ray.cluster_utils import Cluster

    def persist(start: Callable[[], Any]) -> Any:
        """Start a node; try again, as Ray waits for half a minute only, which a busy machine may
        need more than."""
        for _ in range(9):
            with contextlib.suppress(Exception):
                return start()
        return start()

    def add() -> Any:
        """Start a node."""
        variables = {"XDG_CACHE_HOME": f"{folder}/node-{len(nodes)}"}
        return persist(lambda: cluster.add_node(num_cpus=2, num_gpus=2, env_vars=variables))

    # The head has no resources, so that no candidate runs there.
    head = {"num_cpus": 0, "num_gpus": 0, "include_dashboard": False}
    cluster = persist(lambda: Cluster(initialize_head=True, head_node_args=head))
    nodes: list[Any] = []
    try:
        while len(nodes) < count:
            nodes.append(add())
        print(cluster.address, file=to)
        for line in sys.stdin:
            word, _, number = line.strip().partition(" ")
            if word == "add":
                nodes.append(add())
            elif word == "remove":
                cluster.remove_node(nodes[int(number)], allow_graceful=False)
            print(*[node.node_id for node in nodes], file=to)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
