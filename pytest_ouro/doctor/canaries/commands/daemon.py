"""Leave a process behind, in a session of its own, that could act after the run."""

import subprocess
import sys

from canary_task import predict, write

write(predict())
left = subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(20)"],
    stdin=subprocess.DEVNULL,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
    start_new_session=True,
)
print(f"left: {left.pid}")
