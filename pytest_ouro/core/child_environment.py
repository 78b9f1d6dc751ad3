"""The environment variables of each program that is started for an experiment or a rule."""

from __future__ import annotations

import os

#: Variables that are passed on; others could affect what is measured, or hold a secret.
PASSED = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "VIRTUAL_ENV"),
    *("CC", "CXX", "CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH"),
    *("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"),
)


def child_environment() -> dict[str, str]:
    """Return the environment variables for a program, as a new dict: a few of this process, such as
    PATH and HOME (`PASSED`), fixed settings for Python and git, and one that keeps Hugging Face's
    libraries offline.

    Git reads and writes no settings of the user: the path that it is given cannot exist. With
    /dev/null, a ``git config --global`` of root would replace the device by a file.
    """
    env = {key: os.environ[key] for key in PASSED if key in os.environ}
    env.update(
        PYTHONUNBUFFERED="1",
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONNOUSERSITE="1",
        PYTHONHASHSEED="0",
        HF_HUB_OFFLINE="1",
        GIT_CONFIG_GLOBAL=f"{os.devnull}/none",
    )
    return env
