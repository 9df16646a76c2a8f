"""Setting up for real: a small clone, real .venv, real pip and uv, hand-made wheels, no network."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from backend.setup import output
from backend.setup.environment import USER, Environment
from backend.setup.lock import Lock
from tests.small_clone import SmallClone, make_wheel, uv_wheel

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="kills process groups"),
    pytest.mark.xdist_group("install"),
]
NOWHERE = "http://127.0.0.1:9/simple"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hand-made wheels, and uv."""
    folder = tmp_path_factory.mktemp("shelf")
    for name in ("leaf", "twig"):
        make_wheel(folder, name)
    make_wheel(folder, "tree", modules=3000)
    uv_wheel(folder)
    return folder


class FirstStarts(NamedTuple):
    """A clone set up from nothing, by a start that is killed while .venv is made and by a second one."""

    clone: SmallClone
    killed: str
    completed: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def first_starts(tmp_path_factory: pytest.TempPathFactory, shelf: Path) -> FirstStarts:
    clone = SmallClone.make(tmp_path_factory.mktemp("first") / "clone", shelf)
    killed = kill_when(clone, clone.variables(), (Environment(clone.root).packages / "pip").exists)
    return FirstStarts(clone, killed, clone.run("runs"))


@pytest.fixture(scope="module")
def installed(first_starts: FirstStarts) -> SmallClone:
    """One clone that is set up; a test that changes it copies it."""
    return first_starts.clone


@pytest.fixture
def clone(installed: SmallClone, tmp_path: Path) -> SmallClone:
    shutil.copytree(installed.root, tmp_path / "clone", symlinks=True)
    return SmallClone(tmp_path / "clone", installed.shelf)


def test_the_first_start_says_its_size_and_a_start_after_a_kill_completes_it(first_starts: FirstStarts) -> None:
    installed, killed, completed = first_starts
    assert "GB will be downloaded" in killed
    assert completed.returncode == 77, completed.stderr  # the small clone's command ends so
    assert "Completing what is already in" in completed.stderr
    assert "Everything is installed." in completed.stderr
    assert installed.has("leaf")
    assert json.loads(completed.stdout) == [str(installed.root.parent), "runs"]


def test_uv_installs_when_pip_can_bring_it(installed: SmallClone) -> None:
    if uv_wheel(installed.shelf) is None:
        pytest.skip("no uv beside the tests")
    installers = list(installed.root.glob(".venv/lib/*/site-packages/leaf-1.0.dist-info/INSTALLER"))
    assert [file.read_text() for file in installers] == ["uv"]


def test_the_second_start_installs_nothing_and_says_nothing(clone: SmallClone) -> None:
    second = clone.run("runs", variables=clone.variables(PIP_FIND_LINKS="/nowhere"))
    assert (second.returncode, second.stderr) == (77, "")


def test_knowing_that_nothing_is_missing_takes_less_than_a_tenth_of_a_second_of_work(clone: SmallClone) -> None:
    check = "from backend.setup.environment import Environment; from pathlib import Path; import time;"
    check += "t = time.process_time();"
    check += "assert Environment(Path('.').resolve()).is_ready('requirements.txt'); print(time.process_time() - t)"
    took = subprocess.run([sys.executable, "-c", check], cwd=clone.root, capture_output=True, text=True, check=True)
    assert float(took.stdout) < 0.1


def test_changed_requirements_are_installed(clone: SmallClone) -> None:
    (clone.root / USER).write_text("leaf==1.0\ntwig\n")
    assert "at most about" in clone.run("runs").stderr
    assert clone.has("twig")


def test_a_package_torn_by_a_power_cut_is_installed_again(clone: SmallClone) -> None:
    next(clone.root.glob(".venv/lib/*/site-packages/leaf/part1.py")).write_text("")
    Environment(clone.root).mark_unfinished()
    again = clone.run("runs")
    assert "cut short inside the package leaf" in again.stderr
    assert clone.has("leaf")


def test_a_set_up_killed_inside_a_package_completes_at_the_next_start(clone: SmallClone) -> None:
    (clone.root / USER).write_text("tree\n")
    packages = Environment(clone.root).packages
    for folder in packages.glob("uv-*.dist-info"):
        shutil.rmtree(folder)  # pip writes slowly enough to be caught inside a package
    only_pip = clone.variables(PIP_FIND_LINKS=str(_without_uv(clone.shelf, clone.root.parent)))
    kill_when(clone, only_pip, lambda: (packages / "tree").exists() and not _is_recorded(packages, "tree"))
    assert not Environment(clone.root).is_ready(USER)
    last = clone.run("runs", variables=only_pip)
    assert last.returncode == 77, last.stderr
    assert clone.has("tree")


def _without_uv(shelf: Path, parent: Path) -> Path:
    shutil.copytree(shelf, parent / "shelf", ignore=shutil.ignore_patterns("uv-*"))
    return parent / "shelf"


def _is_recorded(packages: Path, name: str) -> bool:
    return any(packages.glob(f"{name}-*.dist-info/RECORD"))


def kill_when(clone: SmallClone, variables: dict[str, str], reached: Callable[[], bool]) -> str:
    """Start a set-up and kill its whole process group as soon as `reached`; what it had said."""
    child = clone.start("runs", variables=variables)
    deadline = time.monotonic() + 240
    while not reached():
        assert child.poll() is None, child.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(child.pid, signal.SIGKILL)
    return child.communicate()[0]


def test_a_second_set_up_of_the_same_clone_waits_for_the_first(clone: SmallClone) -> None:
    Environment(clone.root).mark_unfinished()
    with Lock(clone.root / ".venv.lock") as first:
        assert first.take()
        child = clone.start("runs")
        assert child.stdout is not None
        assert "Another set-up is at work" in child.stdout.readline()
        assert not Environment(clone.root).is_ready(USER)
    said, _ = child.communicate(timeout=120)
    assert "Everything is installed." in said
    assert child.returncode == 77


def test_ctrl_c_while_setting_up_is_one_sentence(clone: SmallClone) -> None:
    Environment(clone.root).mark_unfinished()
    with Lock(clone.root / ".venv.lock") as other:
        assert other.take()
        child = clone.start("start")
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=120)
    assert child.returncode == 130
    assert said == "Interrupted. Start again to go on: what is done already is kept.\n"


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_no_network_is_one_sentence(clone: SmallClone, installer: str) -> None:
    (clone.root / USER).write_text("something-new\n")
    variables = clone.variables(PIP_INDEX_URL=NOWHERE, UV_HTTP_RETRIES="0")
    del variables["PIP_NO_INDEX"], variables["PIP_FIND_LINKS"]
    if installer == "pip":
        for folder in clone.root.glob(".venv/lib/*/site-packages/uv-*.dist-info"):
            shutil.rmtree(folder)
    failed = clone.run("runs", "--json", variables=variables)
    assert failed.returncode == 3
    answer = json.loads(failed.stdout.splitlines()[-1])
    assert answer["key"] == "setup.no_network"
    assert answer["error"].startswith("The package server cannot be reached.")
    assert failed.stderr.splitlines()[-1] == answer["error"]


def test_a_package_that_does_not_exist_is_told_in_the_installers_words(clone: SmallClone) -> None:
    (clone.root / USER).write_text("no-such-thing\n")
    failed = clone.run("runs")
    assert failed.returncode == 3
    last = failed.stderr.splitlines()[-1]
    assert last.startswith("The packages could not be installed.")
    assert "no-such-thing" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_python_without_venv_is_told_which_package_brings_it(clone: SmallClone, tmp_path: Path) -> None:
    (tmp_path / "stubs").mkdir()
    (tmp_path / "stubs/ensurepip.py").write_text("raise ImportError('shipped apart')\n")
    note = clone.root / ".venv/pyvenv.cfg"
    note.write_text("version = 3.9.2\n")  # made by another Python, so it has to be made again
    Environment(clone.root).mark_unfinished()
    failed = clone.run("start", variables=clone.variables(PYTHONPATH=str(tmp_path / "stubs")))
    assert failed.returncode == 3
    assert ".venv was made with Python 3.9" in failed.stdout
    sentence = failed.stderr.splitlines()[-1]
    assert sentence.startswith("This Python cannot make a .venv")
    assert ("apt-get install python3." in sentence) == (shutil.which("apt-get") is not None)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_disk_too_small_is_told_before_anything_is_made(tiny_disk: Path, shelf: Path) -> None:
    clone = SmallClone.make(tiny_disk / "clone", shelf)
    failed = clone.run("start", "--json")
    assert failed.returncode == 3
    assert json.loads(failed.stdout)["key"] == "setup.disk_too_small"
    assert not (clone.root / ".venv").exists()


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_disk_that_fills_up_meanwhile_is_one_sentence(
    installed: SmallClone, tiny_disk: Path, tmp_path: Path, installer: str
) -> None:
    make_wheel(tmp_path, "log", filler=30_000_000)
    python = str(installed.root / ".venv/bin/python")
    command = [python, "-m", *installer.replace("uv", "uv pip").split(), "install", "--no-index"]
    command += ["--find-links", str(tmp_path), "--target", str(tiny_disk / "packages"), "log"]
    command += ["--no-cache", "--offline"] if installer == "uv" else ["--no-cache-dir"]
    status, said = output.show(command, environment=installed.variables(TMPDIR=str(tmp_path)))
    assert status != 0
    # A big disk is named, so that the words alone decide.
    assert output.failure(said, Path("/")).key == "setup.disk_full", said


def test_a_pack_installs_without_any_index_and_brings_the_models(clone: SmallClone, tmp_path: Path) -> None:
    (clone.root / USER).write_text("leaf\n")
    packed = clone.run("pack", str(tmp_path / "usb"), "--json")
    assert packed.returncode == 0, packed.stderr
    assert json.loads(packed.stdout.splitlines()[-1])["files"] >= 3
    shutil.rmtree(clone.root / "sample_data/models/starter")
    for folder in clone.root.glob(".venv/lib/*/site-packages/leaf*"):
        shutil.rmtree(folder)
    Environment(clone.root).mark_unfinished()
    (tmp_path / "other").mkdir()
    make_wheel(tmp_path / "other", "leaf", "2.0")  # newer, where pip looks by habit, but not in the pack
    offline = clone.variables(PIP_FIND_LINKS=str(tmp_path / "other"), PIP_NO_INDEX="0", PIP_INDEX_URL=NOWHERE)
    started = clone.run("test", "--from", str(tmp_path / "usb"), "--version", variables=offline)
    assert "without internet" in started.stdout, started.stderr
    assert "Everything is installed." in started.stdout, started.stderr
    assert clone.has("twig")
    assert [found.name for found in clone.root.glob(".venv/lib/*/site-packages/leaf-*")] == ["leaf-1.0.dist-info"]
    assert (clone.root / "sample_data/models/starter/config.json").is_file()
