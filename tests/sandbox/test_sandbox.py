"""The sandbox of this kernel: each denied and each allowed action is tried in a process."""

from __future__ import annotations

import os
import platform
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ouro.child.kernel import seccomp

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not seccomp.supported(), reason="there is no sandbox for this system"
)

SYSCALL = """\
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(*args):
    if libc.syscall(*args) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""

#: Actions that succeed without the sandbox, with the error that each raises inside.
DENIED = {
    "read-beside": ("PermissionError", "open('beside').read()"),
    "read-hidden": ("PermissionError", "open('data/hidden').read()"),
    "read-by-program": ("AssertionError", "import os; assert os.system('cat beside') == 0"),
    "read-by-libc": (
        "AssertionError",
        "import ctypes; assert ctypes.CDLL(None).open(b'data/hidden', 0) >= 0",
    ),
    "read-by-a-fork": (
        "AssertionError",
        "import os\npid = os.fork()\nif not pid:\n    os.open('data/hidden', 0)\n    os._exit(0)\n"
        "assert os.waitpid(pid, 0)[1] == 0",
    ),
    "read-by-a-thread": (
        "AssertionError",
        "import threading\nread = []\n"
        "t = threading.Thread(target=lambda: read.append(open('data/hidden').read()))\n"
        "threading.excepthook = lambda args: None\nt.start()\nt.join()\nassert read",
    ),
    "symbolic-link": (
        "PermissionError",
        "import os; os.symlink(os.getcwd() + '/data/hidden', f'scratch/{os.getpid()}')\n"
        "open(f'scratch/{os.getpid()}')",
    ),
    "hard-link": (
        "PermissionError OSError",  # links between folders: EXDEV
        "import os; os.link('data/hidden', 'scratch/hard'); open('scratch/hard').read()",
    ),
    "rename": (
        "PermissionError OSError",
        "import os; os.rename('data/hidden', 'scratch/moved')",
    ),
    "list-beside": ("PermissionError", "import os; os.listdir('.')"),
    "write": ("PermissionError", "open('beside', 'a').write('x')"),
    "write-data": ("PermissionError", "open('data/train', 'a').write('x')"),
    "create": ("PermissionError", "open('new', 'x')"),
    "remove": ("PermissionError", "import os; os.unlink('data/train')"),
    "truncate": ("PermissionError", "import os; os.truncate('data/train', 0)"),
    "truncate-by-opening": (
        "PermissionError",
        "import os; os.close(os.open('data/train', os.O_RDONLY | os.O_TRUNC))",
    ),
    "tcp": ("PermissionError", "import socket; socket.socket()"),
    "udp": ("PermissionError", "import socket; socket.socket(type=socket.SOCK_DGRAM)"),
    "unix-datagrams": (
        "PermissionError",
        "import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
    ),
    "signal": ("PermissionError", "import os; os.kill(parent, 18)"),
    "environment-of-others": ("PermissionError", "open(f'/proc/{parent}/environ', 'rb').read()"),
    "memory-of-others": ("PermissionError", "open(f'/proc/{parent}/mem', 'rb')"),
    "folder-of-others": ("PermissionError", "import os; os.readlink(f'/proc/{parent}/cwd')"),
    "limits-of-others": (
        "PermissionError",
        "import resource as r; r.prlimit(parent, r.RLIMIT_CORE, r.prlimit(parent, r.RLIMIT_CORE))",
    ),
    "priority-of-others": (
        "PermissionError",
        "import os; os.setpriority(0, parent, os.getpriority(0, parent))",
    ),
    "outliving": ("PermissionError", SYSCALL + "if libc.prctl(1, 0): raise PermissionError"),
}


@pytest.mark.tier(2, but=26)
@pytest.mark.parametrize("name", DENIED)
def test_an_action_is_denied(ground, name):
    errors, code = DENIED[name]

    assert ground.error(code).partition(":")[0] in errors.split()
    if not ground.user:
        assert ground.error(code, outside=True) == "", "it must be possible outside"


@pytest.mark.parametrize("name", ["truncate", "truncate-by-opening", "signal", "rename", "tcp"])
def test_the_filter_denies_it_on_older_kernels(older, name):
    errors, code = DENIED[name]

    assert older.error(code).partition(":")[0] in errors.split()


#: System calls that no script needs, with harmless arguments; numbers of x86_64.
CALLS = {
    "ptrace": (101, 0x4206, "parent", 0, 0),
    "process_vm_readv": (310, "parent", 0, 0, 0, 0, 0),
    "pidfd_getfd": (438, 0, 0, 0),
    "io_uring_setup": (425, 0, 0),
    "bpf": (321, 0, 0, 0),
    "unshare": (272, 0),
    "setns": (308, 0, 0),
    "mount": (165, 0, 0, 0, 0, 0),
    "keyctl": (250, 0, 0, 0, 0, 0),
    "userfaultfd": (323, 0),
    "perf_event_open": (298, 0, 0, 0, 0, 0),
    "open_by_handle_at": (304, 0, 0, 0),
    "socket of netlink": (41, 16, 3, 0),
    "shmget": (29, 0, 4096, 0o600),
    "msgget": (68, 0, 0o600),
    "semctl": (66, 2**20, 0, 16, 0),
    "shmctl": (31, 2**20, 0, 0),
    "msgsnd": (69, 2**20, 0, 0, 0),
}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are of x86_64")
@pytest.mark.parametrize("name", CALLS)
def test_calls_that_the_filter_refuses(make_ground, name):
    arguments = ", ".join(map(str, CALLS[name]))

    error = make_ground().error(SYSCALL + f"call({arguments})")

    assert error == "PermissionError: [Errno 1] Operation not permitted"


@pytest.mark.parametrize("kind", ["PRIO_PGRP", "PRIO_USER"])
def test_priorities_of_more_than_a_process_are_refused(ground, kind):
    code = "import os; os.setpriority(os.{}, 0, os.getpriority(os.PRIO_PROCESS, 0))"

    assert ground.error(code.format("PRIO_PROCESS")) == ""
    assert ground.error(code.format(kind)).startswith("PermissionError: [Errno 1]")


def test_the_processors_of_other_processes_cannot_be_changed(ground):
    code = """\
import os
before = os.sched_getaffinity({pid})
os.sched_setaffinity({pid}, {{0}} if before != {{0}} else {{1}})
changed = os.sched_getaffinity({pid}) != before
os.sched_setaffinity({pid}, before)
assert changed == {wanted}
"""
    if len(os.sched_getaffinity(0)) == 1 and os.cpu_count() == 1:
        pytest.skip("there is one processor")
    assert ground.error(code.format(pid="0", wanted=True)) == ""
    assert ground.error(code.format(pid="parent", wanted=False)) == ""
    if not ground.user:
        assert ground.error(code.format(pid="parent", wanted=True), outside=True) == ""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 is of x86_64")
def test_the_other_numbers_of_x32_end_the_process(make_ground, newest):
    done = make_ground().run(SYSCALL + "call(0x40000000 + 41, 2, 1, 0)")

    assert done.returncode == -signal.SIGSYS


def test_a_new_namespace_is_refused(make_ground, newest):
    code = (
        SYSCALL + "call({'x86_64': 56, 'aarch64': 220}[os.uname().machine], 0x10000011, 0, 0, 0, 0)"
    )

    assert make_ground().error(code).startswith("PermissionError")


def test_attributes_of_files_keep_nothing(ground):
    code = "import os; os.setxattr('data/train', 'user.ouro', b'weights')"

    assert "Operation not supported" in ground.error(code)


@pytest.mark.parametrize("request_", [0x40086602, 0x401C5820, 0x40087602, 0x40086604, 0xC0506617])
def test_flags_of_files_keep_nothing(ground, request_):
    code = f"import fcntl; fcntl.ioctl(open('data/train'), {request_}, bytes(32))"

    assert ground.error(code).startswith("PermissionError: [Errno 1]")


def test_hints_of_files_keep_nothing(ground):
    code = "import fcntl; fcntl.fcntl(open('data/train'), 1036, (5).to_bytes(8, 'little'))"

    assert ground.error(code).startswith("PermissionError: [Errno 1]")


def test_times_of_files_keep_nothing(ground):
    code = (
        "import os; os.utime('data/train', (1, 1)); os.utime('beside', ns=(2**32, 2**32))\n"
        "assert os.stat('data/train').st_mtime > 1e9 and os.stat('beside').st_mtime > 1e9\n"
        "open('scratch/new', 'w'); before = os.stat('scratch/new').st_mtime_ns\n"
        "import time; time.sleep(0.02); os.utime('scratch/new')\n"
        "assert os.stat('scratch/new').st_mtime_ns > before"
    )

    assert ground.error(code) == ""


def test_modes_of_files_keep_nothing_and_lock_nobody_out(ground):
    """A program that copies files sets their modes, and must go on."""
    code = (
        "import os, shutil; [os.chmod(name, 0) for name in ('data/train', '.', 'beside')]\n"
        "os.fchmod(os.open('data/train', os.O_RDONLY), 0o600)\n"
        "shutil.copy('data/train', 'scratch/copy'); shutil.copystat('data', 'scratch')\n"
        "os.close(os.open('scratch/program', os.O_CREAT | os.O_WRONLY, 0o755))\n"
        "assert os.stat('scratch/program').st_mode & 0o100"
    )
    places = [ground.path, ground.path / "data/train", ground.path / "beside"]
    before = [place.stat().st_mode for place in places]

    assert ground.error(code) == ""
    assert [place.stat().st_mode for place in places] == before


def test_the_groups_of_files_keep_nothing(ground):
    code = "import os; os.chown('data/train', -1, os.getgroups()[0] if os.getgroups() else 0)"

    assert ground.error(code).startswith("PermissionError")


def test_no_call_says_whether_a_file_is_in_memory_or_drops_it(ground):
    """RWF_NOWAIT is 8, MADV_PAGEOUT 21."""
    code = (
        "import mmap, os; file = open('data/train', 'rb'); fd = file.fileno()\n"
        "os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)\n"  # no error, and no effect
        "try: os.preadv(fd, [bytearray(1)], 0, 8)\n"
        "except OSError as error: assert error.errno == 95, error\n"
        "else: raise AssertionError\n"
        "view = mmap.mmap(fd, 0, prot=mmap.PROT_READ)\n"
        "view.madvise(mmap.MADV_RANDOM); view.madvise(21)"
    )

    assert ground.error(code).startswith("PermissionError")


def test_a_semaphore_that_outlives_the_run_is_denied(ground):
    error = ground.error("import multiprocessing; multiprocessing.Lock()")

    assert error.startswith("PermissionError")


def test_a_listening_socket_cannot_be_called(ground):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(ground.path / "socket"))
        (ground.path / "socket").chmod(0o777)
        server.listen()
        code = "import socket; socket.socket(socket.AF_UNIX).connect('socket')"

        assert ground.error(code).startswith("ConnectionRefusedError")
        assert ground.error(code, outside=True) == ""


def test_signals_that_a_file_sends_are_refused_before_landlock_knows_them(make_ground, newest):
    code = "import fcntl, os; fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, parent)"

    assert make_ground(newest=5).error(code).startswith("PermissionError")


ALLOWED = {
    "read": "print(open('data/train').read(), open('data/deep/more').read())",
    "list": "import os; assert 'train' in os.listdir('data/deep/..')",
    "write": "open('scratch/new', 'w').write('x')",
    "rename": "import os; open('scratch/a', 'w'); os.replace('scratch/a', 'scratch/b')",
    "folders": "import os, shutil; os.makedirs('scratch/a/b'); shutil.rmtree('scratch/a')",
    "temporary": "import tempfile; tempfile.NamedTemporaryFile().write(b'x')",
    "program": "import subprocess; subprocess.run(['ls', '/usr'], check=True)",
    "python": (
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import json'], check=True)"
    ),
    "fork": "import os; pid = os.fork() or os._exit(0); assert os.waitpid(pid, 0)[1] == 0",
    "end-a-child": (
        "import subprocess; p = subprocess.Popen(['sleep', '60']); p.terminate(); p.wait()"
    ),
    "threads": "import threading; t = threading.Thread(target=print); t.start(); t.join()",
    "name-a-thread": (
        "import threading\nfrom pathlib import Path\n"
        "def name():\n"
        "    Path(f'/proc/self/task/{threading.get_native_id()}/comm').write_text('x')\n"
        "    done.append(1)\n"
        "done = []; t = threading.Thread(target=name); t.start(); t.join(); assert done"
    ),
    "pair": "import socket; a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'",
    "pipe": "import multiprocessing; multiprocessing.Pipe()",
    "memfd": "import os; os.write(os.memfd_create('x'), b'x')",
    "own-proc": "print(open('/proc/self/maps').read(), open('/proc/meminfo').read())",
    "processor": "import os; assert os.cpu_count(); os.listdir('/sys/devices/system/cpu')",
    "random": "open('/dev/urandom', 'rb').read(1); open('/dev/null', 'w').write('x')",
    "abort": (
        "import os, signal\npid = os.fork()\nif not pid: os.abort()\n"
        "assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])"
    ),
    "ssl": "import ssl, hashlib; hashlib.sha256(b'').hexdigest(); ssl.create_default_context()",
    "user": "import pwd, os; pwd.getpwuid(os.getuid())",
    "time": "import time; time.localtime()",
}


@pytest.mark.tier(2, but=22)
@pytest.mark.parametrize("name", ALLOWED)
def test_an_action_is_allowed(ground, name):
    ground.output(ALLOWED[name])


@pytest.mark.parametrize("name", ["write", "rename", "program", "fork", "abort", "name-a-thread"])
def test_an_action_is_allowed_on_older_kernels(older, name):
    older.output(ALLOWED[name])


def test_a_readable_folder_within_a_hidden_one_is_readable(make_ground, newest):
    ground = make_ground()
    ground.file("project/.venv/module", "found")
    ground.file("project/results.tsv")
    spec = {"read": [f"{ground.path}/project/.venv"], "hidden": [f"{ground.path}/project"]}

    assert ground.output("print(open('project/.venv/module').read())", **spec) == "found"
    assert "PermissionError" in ground.error("open('project/results.tsv')", **spec)


def test_hidden_files_are_hidden_by_every_name(make_ground, newest):
    ground = make_ground()
    (ground.path / "data/link").symlink_to("hidden")
    (ground.path / "alias").symlink_to("data")

    spec = {"read": [f"{ground.path}/alias"], "hidden": [f"{ground.path}/data/link"]}
    assert "PermissionError" in ground.error("open('data/hidden')", **spec)
    assert "PermissionError" in ground.error("open('data/link')", **spec)
    assert ground.output("print(open('alias/train').read())", **spec) == "text"


def test_a_link_beside_a_hidden_file_opens_no_other_folder(make_ground, newest):
    ground = make_ground()
    (ground.path / "data/way-out").symlink_to(ground.path)

    assert "PermissionError" in ground.error("open('data/way-out/beside')")


def test_an_installed_package_can_be_hidden(make_ground, newest):
    ground = make_ground()

    assert "PermissionError" in ground.error("import pytest", packages=["pytest"])
    assert ground.output("import pytest") == ""


def test_a_folder_of_a_pth_file_is_readable_unless_it_is_hidden(make_ground, newest):
    ground = make_ground()
    ground.file("elsewhere/some_module.py", "print('found')")
    enter = f"import sys; sys.path.append('{ground.path}/elsewhere')\n"
    start = (
        enter
        + Path(__file__)
        .with_name("conftest.py")
        .read_text()
        .partition('START = """\\\n')[2]
        .partition('"""')[0]
    )

    def found(hidden: list[str]) -> str:
        spec = f'{{"newest": 7, "hidden": {hidden}}}'.replace("'", '"')
        command = [sys.executable, "-B", "-c", start, spec, "import some_module", str(ground.child)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    assert found([]) == "found\n"
    assert found([str(ground.path)]) == ""


def test_the_sandbox_is_refused_after_a_thread_has_started(make_ground, newest):
    ground = make_ground()
    code = """
import sys, threading
sys.path.insert(0, sys.argv[1])
threading.Thread(target=threading.Event().wait, daemon=True).start()
from child.kernel import sandbox
sandbox.enter({})
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(ground.child.parent)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "entered before a second thread" in done.stderr


def test_nothing_takes_it_off(make_ground, newest):
    code = """
import os, sys, json
sys.path.insert(0, os.path.dirname(sys.argv[3]))
from child.kernel import sandbox
sandbox.enter({"read": ["/"], "newest": 7})
open("beside")
"""
    assert "PermissionError" in make_ground().error(code)


def test_older_landlocks_know_less(make_ground, newest):
    if newest < 6:
        pytest.skip("this kernel's Landlock is older")
    code = "import subprocess; p = subprocess.Popen(['sleep', '1']); p.kill(); p.wait()"

    assert make_ground(newest=6).error(code) == ""
    assert "PermissionError" in make_ground(newest=5).error(code)


def test_a_signal_may_go_to_oneself_under_every_landlock(older):
    done = older.run("import os, signal; os.kill(os.getpid(), signal.SIGTERM)")

    assert done.returncode == -signal.SIGTERM


def test_the_filter_holds_for_another_architecture():
    """The filter of another machine can be assembled here: same length, its machine's number."""
    x86, arm = (seccomp.program(machine, 7, 1) for machine in ("x86_64", "aarch64"))

    assert x86[1] != arm[1]
    assert len(x86) - len(arm) == 2 + 2 * 9  # x32's range, and nine calls that arm has not


TRAINS = """import torch
w = torch.randn(8, 8, requires_grad=True)
torch.optim.SGD([w], lr=0.1).zero_grad()
(w @ torch.randn(8, 2)).square().mean().backward()
assert w.grad.isfinite().all()
torch.save(w, "scratch/weights.pt")
"""


@pytest.mark.tier(2)
def test_a_training_step_works_inside(make_ground, newest):
    pytest.importorskip("torch")

    make_ground().output(TRAINS)


@pytest.mark.skipif("CI" not in os.environ, reason="a minute of C++ compilation: in CI only")
def test_compiling_a_model_works_inside(make_ground, newest):
    pytest.importorskip("torch")
    code = (
        "import torch\n"
        "waves = torch.compile(lambda x: x.sin() + x.cos())\n"
        "print(waves(torch.ones(64)).sum())"
    )

    assert make_ground().output(code).startswith("tensor(88.4")
