"""What comes before the page: where the workspace lies, the lock, the address, and the children that are kept alive."""

import errno
import os
import socket
import sys
import time
from pathlib import Path

import psutil
import pytest

from backend.errors import SetupError
from backend.setup.lock import Lock
from backend.setup.start import address, folder
from backend.setup.start.child import Child

MOUNTS = """/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb /home/ana/disk ext4 rw 0 0
//nas/share /mnt/class\\040disk cifs rw 0 0
sshfs /mnt/lab fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/studio", None),
        ("/home/ion/studio", "nfs4"),
        ("/home/ana/disk/studio", None),
        ("/mnt/class disk/workspace", "cifs"),
        ("/mnt/class", None),
        ("/mnt/lab/a/b", "fuse.sshfs"),
    ],
)
def test_a_network_disk_is_recognised_by_its_mount(path: str, kind: str | None, tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    assert folder.network_type(Path(path), tmp_path / "mounts") == kind


def test_a_workspace_on_a_network_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mounts").write_text(f"server:/x {tmp_path} nfs rw 0 0\n")
    monkeypatch.setattr(folder.network_type, "__defaults__", (tmp_path / "mounts",))
    with pytest.raises(SetupError, match=r"is on a network disk \(nfs\)"):
        folder.open_workspace(tmp_path / "workspace")
    assert not (tmp_path / "workspace").exists()


def test_a_new_workspace_is_made_with_its_folders(tmp_path: Path) -> None:
    workspace = folder.open_workspace(tmp_path / "new" / "workspace")
    assert workspace.runs.is_dir()
    assert not list(workspace.root.glob(".writable-*"))


def test_a_lock_is_held_by_one_and_freed_for_the_next(tmp_path: Path) -> None:
    with Lock(tmp_path / "lock") as first:
        assert first.take()
        assert not Lock(tmp_path / "lock").take()
    assert Lock(tmp_path / "lock").take()


@pytest.mark.parametrize(
    ("host", "root_path", "link"),
    [
        ("127.0.0.1", "", "http://127.0.0.1:7860/?token=t"),
        ("::1", "", "http://[::1]:7860/?token=t"),
        ("localhost", "studio", "http://localhost:7860/studio/?token=t"),
        ("localhost", "/a/b/", "http://localhost:7860/a/b/?token=t"),
    ],
)
def test_the_address_opens_in_a_browser_of_this_machine(host: str, root_path: str, link: str) -> None:
    assert address.link(host, 7860, root_path, "t") == link


@pytest.mark.parametrize(
    ("host", "only"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.0.0.3", False)]
)
def test_loopback_is_known(host: str, only: bool) -> None:
    assert address.is_this_machine_only(host) is only


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "203.0.113.7", "x" * 70])
def test_an_address_that_others_could_reach_is_one_sentence(host: str) -> None:
    with pytest.raises(SetupError, match="listens on this machine alone"):
        address.choose(host, 0)


def test_a_loopback_address_that_this_machine_lacks_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    host = "::1"
    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(SetupError, match="is not an address of this machine"):
        address.choose(host, 0)


def test_a_port_for_root_alone_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may use every port")
    with pytest.raises(SetupError, match="Port 80 is not allowed"):
        address.choose("127.0.0.1", 80)


def test_a_child_that_keeps_dying_waits_longer_each_time(tmp_path: Path) -> None:
    child = Child(
        "page", [sys.executable, "-c", "print('last words')\nraise SystemExit(9)"], tmp_path / "log", tmp_path, {}
    )
    pauses = []
    for _ in range(3):
        child.start()
        deadline = time.monotonic() + 30
        while (status := child.died()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert status == 9
        assert not child.is_due()
        pauses.append(child.pause)
    assert pauses == [0.5, 1.0, 2.0]
    assert child.last_words() == "last words"
    assert child.died() is None


def test_a_child_that_ignores_the_end_is_killed_with_its_group(tmp_path: Path) -> None:
    stubborn = "import signal, subprocess, sys, time; signal.signal(15, signal.SIG_IGN);"
    stubborn += "print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
    child = Child("page", [sys.executable, "-c", stubborn], tmp_path / "log", tmp_path, {"PATH": os.environ["PATH"]})
    child.start()
    deadline = time.monotonic() + 30
    while not child.last_words():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.ask_to_end()
    child.end(time.monotonic() + 0.2)
    grandchild = int(child.last_words())
    deadline = time.monotonic() + 30
    while psutil.pid_exists(grandchild) and psutil.Process(grandchild).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the grandchild outlived its group"
        time.sleep(0.02)


def test_a_long_log_makes_room_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "studio.log"
    log.write_bytes(b"x" * 5_000_001)
    child = Child("page", [sys.executable, "-c", ""], log, tmp_path, {})
    child.start()
    child.end(time.monotonic() + 10)
    assert log.stat().st_size == 0
    assert (tmp_path / "studio.old.log").stat().st_size == 5_000_001
