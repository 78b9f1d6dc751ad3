"""A stand-in for NVIDIA's management library, with the cards and processes that a test names."""

import shutil
import subprocess

import pytest

from pytest_ouro.experiment.devices import nvml

LIBRARY = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct card { int index; char uuid[96], name[96]; };
struct process { unsigned pid; unsigned long long used; unsigned instance, compute; };
static struct card cards[8];
static int listed, whole;

static FILE *list(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("NVML_STAND_IN"), name);
    return fopen(path, "r");
}
int nvmlInit_v2(void) {
    FILE *file = list("cards");
    if (!file) return 9;
    for (listed = whole = 0; listed < 8; listed++) {
        struct card *card = &cards[listed];
        if (fscanf(file, " %95[^,], %95[^\n]", card->uuid, card->name) != 2) break;
        card->index = listed;
        whole += strncmp(card->uuid, "MIG-", 4) != 0;
    }
    fclose(file);
    return 0;
}
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = whole; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, struct card **card) {
    if (i >= whole) return 2;
    *card = &cards[i];
    return 0;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, struct card **card) {
    for (int i = 0; i < listed; i++)
        if (!strcmp(uuid, cards[i].uuid)) { *card = &cards[i]; return 0; }
    return 2;
}
int nvmlDeviceGetUUID(struct card *card, char *text, unsigned n) {
    snprintf(text, n, "%s", card->uuid);
    return 0;
}
int nvmlDeviceGetName(struct card *card, char *text, unsigned n) {
    snprintf(text, n, "%s", card->name);
    return 0;
}
int nvmlDeviceGetMinorNumber(struct card *card, unsigned *n) {
    *n = whole - 1 - card->index;
    return 0;
}
int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(struct card *part, struct card **card) {
    *card = &cards[0];
    return 0;
}
int nvmlDeviceGetGpuInstanceId(struct card *part, unsigned *n) { *n = 7; return 0; }
int nvmlDeviceGetComputeInstanceId(struct card *part, unsigned *n) { *n = 0; return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned n) {
    snprintf(text, n, "570.10");
    return 0;
}
#ifndef OLD
int nvmlDeviceGetComputeRunningProcesses_v3(struct card *card, unsigned *n, struct process *all) {
    struct process one = {0};
    char uuid[96];
    FILE *file = list("processes");
    *n = 0;
    if (!file) return 1;
    while (fscanf(file, " %95[^,], %u, %llu, %*[^\n]", uuid, &one.pid, &one.used) == 3)
        if (!strcmp(uuid, card->uuid)) all[(*n)++] = one;
    fclose(file);
    return 0;
}
#endif
int nvmlSystemGetProcessName(unsigned pid, char *text, unsigned n) {
    char name[96];
    unsigned found;
    FILE *file = list("processes");
    while (fscanf(file, " %*[^,], %u, %*u, %95[^\n]", &found, name) == 2)
        if (found == pid) { fclose(file); snprintf(text, n, "%s", name); return 0; }
    fclose(file);
    return 6;
}
"""


def build(folder, *options):
    """Compile the library into ``folder``; returns its path."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    (folder / "nvml.c").write_text(LIBRARY)
    made = folder / "libnvml.so"
    subprocess.run(["cc", "-shared", "-fPIC", *options, "-o", made, folder / "nvml.c"], check=True)
    return made


def install(monkeypatch, library, folder, cards, processes=""):
    """Make ``library`` the driver's. A line of ``cards`` is ``UUID, name``, one of ``processes``
    ``UUID, pid, bytes, name``."""
    (folder / "cards").write_text(cards)
    (folder / "processes").write_text(processes)
    monkeypatch.setattr(nvml, "LIBRARY", str(library))
    monkeypatch.setenv("NVML_STAND_IN", str(folder))
    return folder
