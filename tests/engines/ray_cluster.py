"""A Ray cluster on this machine, in a process of its own: ``python ray_cluster.py FOLDER NODES``.

Each node has two CPUs and two GPUs that do not exist, and a home and a cache of its own in FOLDER,
so that the devices and the data of two nodes are different ones. If FOLDER has a folder ``driver``
with a stand-in for NVIDIA's library, the driver lists two cards on each node. With the variable
VERSIONS, such as ``2.1.0 3.9.1``, the cluster states these versions of Ray and Python.

Prints the address, then answers each line on its standard input: ``remove N`` kills node N as a
power cut does, ``add`` starts another; the answer has the ids of all nodes that were started. Ends
with its input. Nothing that it starts has less than ten minutes for it: the machine may be busy.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 600
os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_gcs_server_port_wait_time_s": str(PATIENCE),
    "RAY_DASHBOARD_STARTUP_TIMEOUT_S": str(PATIENCE),
}
#: A node that does not answer for a while is busy; one whose process is gone refuses at once.
SYSTEM = {
    "health_check_period_ms": 1000,
    "health_check_failure_threshold": 10,
    "health_check_timeout_ms": 120_000,
    "worker_register_timeout_seconds": PATIENCE,
    "agent_register_timeout_ms": PATIENCE * 1000,
}
CARDS = "GPU-{0}0, Stand-in H100\nGPU-{0}1, Stand-in H100\n"
to = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


class GoneError(Exception):
    """Raised if the process of a node ends while its start is waited for."""


def gone_raylets() -> set[str]:
    """Return the ids of the processes of nodes that this process started and that have ended."""
    found = set()
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = file.read_text().rpartition(")")
            state, parent = rest.split()[:2]
            if (state, parent) == ("Z", str(os.getpid())) and name.endswith("(raylet"):
                found.add(file.parent.name)
    return found


def be_patient() -> None:
    """Let a node wait longer for its registration than Ray's 30 seconds, unless it has ended."""
    from ray._private import services

    ask = services.get_node

    def get_node(*args: Any) -> Any:
        before = gone_raylets()
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return ask(*args)
            except RuntimeError:
                if gone_raylets() - before or time.monotonic() > deadline:
                    raise GoneError from None
                time.sleep(0.2)

    services.get_node = get_node


def free_ports() -> dict[str, int]:
    """Return ports for a node's helpers: for one that it chooses itself, Ray waits 15 seconds."""
    names = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port")
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(4)]
        ports = [one.getsockname()[1] for one in made]
    return dict(zip((*names, "runtime_env_agent_port"), ports, strict=True))


def persist(start: Callable[[], Any]) -> Any:
    """Start a node, and start it again if its process ended, as on a machine that is too busy."""
    for _ in range(9):
        with contextlib.suppress(GoneError):
            return start()
    return start()


def main(folder: Path, count: int) -> None:
    """Run the cluster until there is no more input."""
    from ray._private import services, utils
    from ray.cluster_utils import Cluster

    be_patient()
    if versions := os.environ.get("VERSIONS"):
        utils.compute_version_info = lambda: tuple(versions.split())

    def add() -> Any:
        """Start a node, and wait until the cluster knows it."""
        number = len(nodes)
        own = {"HOME": f"{folder}/home-{number}", "XDG_CACHE_HOME": f"{folder}/node-{number}"}
        Path(own["HOME"]).mkdir(exist_ok=True)
        if (folder / "driver").exists():
            listed = folder / f"driver-{number}"
            listed.mkdir()
            (listed / "cards").write_text(CARDS.format(number))
            (listed / "processes").write_text("")
            own |= {"LD_LIBRARY_PATH": f"{folder}/driver", "NVML_STAND_IN": str(listed)}
        node = persist(
            lambda: cluster.add_node(
                num_cpus=2, num_gpus=2, env_vars=own, wait=False, **free_ports()
            )
        )
        services.wait_for_node(node.gcs_address, node.plasma_store_socket_name, PATIENCE)
        return node

    # The head has no resources, so that no candidate runs there.
    head = {"num_cpus": 0, "num_gpus": 0, "include_dashboard": False, "_system_config": SYSTEM}
    cluster = persist(
        lambda: Cluster(
            initialize_head=True, head_node_args={**head, **free_ports(), "wait": False}
        )
    )
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
    main(Path(sys.argv[1]), int(sys.argv[2]))
