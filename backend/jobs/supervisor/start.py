"""Starts the processes of a workspace: their command, their environment, their log."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.jobs.process import Identity
from backend.paths import ROOT

PASSED = frozenset(
    {
        "PATH",
        "HOME",
        "LANG",
        "TMPDIR",
        "TMP",
        "TEMP",
        "USER",
        "LOGNAME",
        "SYSTEMROOT",
        "APPDATA",
        "LOCALAPPDATA",
        "USERPROFILE",
        "LD_LIBRARY_PATH",
        "PYTHONPATH",
        "VIRTUAL_ENV",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "STUDIO_DATABASE_URL",
        "STUDIO_LLAMA_CPP",
        "STUDIO_MAX_LOSSES",
    }
)
PASSED_FAMILIES = (
    "LC_",
    "HF_",
    "TRANSFORMERS_",
    "TORCH_",
    "PYTORCH_",
    "TRITON_",
    "CUDA_",
    "NVIDIA_",
    "OMP_",
    "MKL_",
    "KMP_",
    "OPENBLAS_",
)
# Threads that wait for work sleep instead of spinning: beside another busy program on two cores, spinning made a step
# of the starter take 3.3 s instead of 0.2 s.
UNLESS_SET = {
    "OMP_WAIT_POLICY": "PASSIVE",
    # oneDNN keeps what it prepared for every shape, up to 1,024 of them, and no two batches have the same number of
    # tokens; the small pieces that glibc keeps for each thread pin down the heap. Without both, a LoRA of
    # a 30M model grew by 578 MB in 40 steps instead of 884 MB.
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "0",
    # torch's own layer above it does the same: 2 MB a step stayed. It does not do with 0.
    "LRU_CACHE_CAPACITY": "1",
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0",
}
ALWAYS = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
    # CUDA must not be touched before a warm worker knows which card it may see.
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
}


@dataclass
class Child:
    """A process started here, and who it is to the system (None: it was gone at once)."""

    popen: subprocess.Popen[bytes]
    identity: Identity | None


def environment(given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a job or the engine may see of our environment: a list, so that no token of somebody else's leaks."""
    kept = {name: text for name, text in given.items() if name.upper() in PASSED or name.startswith(PASSED_FAMILIES)}
    return UNLESS_SET | kept | ALWAYS


def spawn(module: str, arguments: Sequence[str], log: Path, *, fed: bool = False) -> Child:
    """`python -m module arguments` in a session of its own; `fed`: standard input is a pipe. May raise OSError."""
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        popen = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    finally:
        os.close(descriptor)
    return Child(popen, Identity.of(popen.pid))
