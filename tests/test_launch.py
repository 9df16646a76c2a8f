"""launch.py as a program: its help, its oldest Python, and a studio that is opened, disturbed and closed."""

import ast
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

import launch as launcher
from backend.setup import commands
from backend.setup.environment import USER, Environment
from tests.small_clone import SmallClone

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups"),
    pytest.mark.xdist_group("install"),
]
ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")
COMMANDS = ["start", "test", "pack", "doctor", "train", "chat", "runs", "bench"]


def launch(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "launch.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | variables, timeout=120)


def test_every_command_of_the_help_is_one_that_launch_py_has() -> None:
    offered = next(action.choices for action in commands.parser()._actions if isinstance(action.choices, dict))
    assert set(offered) == set(launcher.COMMANDS)


def test_an_old_python_can_read_launch_py() -> None:
    ast.parse((ROOT / "launch.py").read_text("utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize(
    ("language", "start"), [("C", "Romanza Studio needs"), ("ro_RO.UTF-8", "Romanza Studio are"), ("it_IT", "Romanza")]
)
def test_an_old_python_gets_one_sentence(language: str, start: str) -> None:
    pretend = "import runpy, sys; sys.version_info = (3, 6, 9); sys.argv = ['launch.py'];"
    pretend += f"runpy.run_path({str(ROOT / 'launch.py')!r}, run_name='__main__')"
    said = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", pretend],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"LC_ALL": language},
    )
    assert said.returncode == commands.CANNOT_SET_UP
    assert said.stderr.startswith(start)
    assert "3.11" in said.stderr
    assert "3.6" in said.stderr
    assert said.stderr.count("\n") == 1


def test_launch_py_needs_no_installed_package() -> None:
    ask = "import sys; sys.path.insert(0, sys.argv[1]); import launch;"
    ask += "print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    # -S: no site-packages, so that anything installed would be an ImportError.
    names = subprocess.run([sys.executable, "-I", "-S", "-c", ask, str(ROOT)], capture_output=True, text=True)
    assert set(names.stdout.split()) == {"launch", "backend", "__main__"} - set(sys.stdlib_module_names), names.stderr


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=lambda words: " ".join(words) or "all")
def test_help_is_there_before_anything_is_installed(command: list[str], tmp_path: Path) -> None:
    clone = SmallClone.make(tmp_path / "clone", tmp_path)
    said = clone.run(*command, "--help")
    assert said.returncode == 0
    assert commands.EXIT_TABLE in said.stdout
    assert "--workspace" in said.stdout
    assert "--json" in said.stdout
    assert not (clone.root / ".venv").exists()


@pytest.mark.parametrize(
    "words",
    [["--port", "70000"], ["--port", "-1"], ["trian"], ["train"], ["train", "x", "--set", "rank"], ["chat", "starter"]],
    ids=" ".join,
)
def test_a_wrong_command_line_ends_with_status_2(words: list[str]) -> None:
    said = launch(*words)
    assert said.returncode == commands.USAGE
    assert "usage: launch.py" in said.stderr


def test_a_benchmark_that_does_not_exist_is_told_with_those_that_do() -> None:
    said = launch("bench", "no-such", "--json")
    assert said.returncode == commands.USAGE
    told = json.loads(said.stdout)["error"]
    assert told.startswith("There is no benchmark called no-such. There are: ")
    assert "gpu, gpu-vision, live, start, starter, starter-vision, train" in told


class OpenStudio:
    """A small clone whose launch.py runs, and what it said up to "Press Ctrl-C"."""

    def __init__(self, clone: SmallClone, *arguments: str) -> None:
        self.workspace = clone.root / "workspace"
        self.process = clone.start("--no-browser", "--port", "0", *arguments)
        assert self.process.stdout is not None
        self.said = ""
        while "Press Ctrl-C" not in self.said:
            line = self.process.stdout.readline()
            assert line, self.said
            self.said += line
        self.address = next(word for word in self.said.split() if word.startswith("http://"))

    def pid(self, name: str) -> int:
        file = self.workspace / f"{name}.pid"
        return int(until(lambda: file.is_file() and file.read_text()))

    def next_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def ends(self) -> int:
        self.said += self.process.communicate(timeout=120)[0]
        return self.process.returncode


def until(ask: Callable[[], T], seconds: float = 120) -> T:
    """The first true answer."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return answer


def lives(pid: int) -> bool:
    """Running, and not a zombie that nobody has asked about."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture(scope="module")
def ready_clone(tmp_path_factory: pytest.TempPathFactory) -> SmallClone:
    """Set up in no time: its .venv is the Python that runs the tests."""
    clone = SmallClone.make(tmp_path_factory.mktemp("ready") / "clone", Path("/nowhere"), "# nothing\n")
    environment = Environment(clone.root)
    environment.scripts.mkdir(parents=True)
    environment.python.symlink_to(sys.executable)
    (environment.folder / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).parent}\n")
    environment.mark_ready(USER)
    return clone


@pytest.fixture
def clone(ready_clone: SmallClone) -> Iterator[SmallClone]:
    yield ready_clone
    shutil.rmtree(ready_clone.root / "workspace", ignore_errors=True)


@pytest.fixture
def studio(clone: SmallClone) -> Iterator[OpenStudio]:
    opened = OpenStudio(clone)
    yield opened
    opened.process.kill()
    opened.process.communicate()


def test_the_studio_opens_with_a_token_and_ends_at_ctrl_c(studio: OpenStudio) -> None:
    page, supervisor = studio.pid("page"), studio.pid("supervisor")
    answer = urllib.request.urlopen(studio.address, timeout=60).read().decode()
    token, path = answer.split()
    assert path == f"/?token={token}"
    assert len(token) >= 32
    studio.process.send_signal(signal.SIGINT)
    assert studio.ends() == commands.DONE
    assert not lives(page)
    assert not lives(supervisor)
    assert "still training" not in studio.said


def test_a_closed_terminal_ends_it_too(studio: OpenStudio) -> None:
    page = studio.pid("page")
    studio.process.send_signal(signal.SIGHUP)
    assert studio.ends() == commands.DONE
    assert not lives(page)


@pytest.mark.parametrize("name", ["page", "supervisor"])
def test_a_killed_child_is_said_and_started_again(studio: OpenStudio, name: str) -> None:
    first = studio.pid(name)
    os.kill(first, signal.SIGKILL)
    assert f"The {name} ended unexpectedly (status -9)" in studio.next_line()
    second = until(lambda: studio.pid(name) if studio.pid(name) != first else 0)
    assert lives(second)
    if name == "page":
        until(lambda: _answers(studio.address))


def _answers(address: str) -> bool:
    try:
        return bool(urllib.request.urlopen(address, timeout=30).read())
    except OSError:
        return False


def test_nothing_is_left_behind_when_launch_py_is_killed(studio: OpenStudio, clone: SmallClone) -> None:
    children = studio.pid("page"), studio.pid("supervisor")
    studio.process.kill()
    studio.process.wait()
    until(lambda: not any(lives(pid) for pid in children))
    again = OpenStudio(clone)  # the workspace is free again
    again.process.send_signal(signal.SIGTERM)
    assert again.ends() == commands.DONE


def test_a_second_studio_on_the_same_workspace_is_sent_to_the_first(studio: OpenStudio, clone: SmallClone) -> None:
    second = clone.run("start", "--no-browser", "--json")
    assert second.returncode == commands.WORKSPACE
    sentence = json.loads(second.stdout)["error"]
    assert studio.address.partition("?")[0] in sentence
    assert "token" not in sentence
    assert second.stderr == sentence + "\n"


def test_runs_that_go_on_are_counted_at_the_end(studio: OpenStudio) -> None:
    with sqlite3.connect(studio.workspace / "ledger.sqlite") as ledger:
        ledger.execute("CREATE TABLE jobs (state TEXT)")
        ledger.executemany("INSERT INTO jobs VALUES (?)", [("running",), ("done",), ("queued",)])
    studio.process.send_signal(signal.SIGINT)
    studio.ends()
    assert "1 run is still training; it goes on in the background." in studio.said


def test_a_taken_port_is_told_with_a_free_one(clone: SmallClone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = clone.run("--no-browser", "--port", str(port))
        assert said.returncode == commands.PORT
        assert said.stderr.startswith(f"Another program uses port {port}. Start with --port ")
        offered = int(said.stderr.split("--port ")[1].split(",")[0])
        with socket.create_server(("127.0.0.1", offered)):
            pass


def test_a_page_that_cannot_start_ends_it_with_its_last_words(clone: SmallClone) -> None:
    (clone.root / "workspace").mkdir()
    (clone.root / "workspace/page-must-fail").touch()
    said = clone.run("--no-browser", "--port", "0")
    assert said.returncode == commands.FAILED
    assert said.stderr.startswith("The page cannot start. It says: the page has a bug (the whole log: ")
    assert not lives(int((clone.root / "workspace/page.pid").read_text()))


def test_a_file_where_the_workspace_should_be_is_one_sentence(clone: SmallClone, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("a letter")
    said = clone.run("--no-browser", "--workspace", str(tmp_path / "mine"))
    assert said.returncode == commands.WORKSPACE
    assert "because a file is in the way" in said.stderr
    assert (tmp_path / "mine").read_text() == "a letter"


def test_a_read_only_workspace_is_one_sentence(clone: SmallClone, tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", folder], capture_output=True).returncode:
        if os.geteuid() == 0:
            pytest.skip("this machine lets nobody mount")
        folder.chmod(0o500)
    try:
        said = clone.run("--no-browser", "--workspace", str(folder))
    finally:
        subprocess.run(["umount", "--lazy", folder], capture_output=True)
    assert said.returncode == commands.WORKSPACE
    assert said.stderr.startswith(f"The workspace {folder} cannot be written (")
    assert said.stderr.count("\n") == 1


def test_a_headless_commands_supervisor_is_waited_for(clone: SmallClone) -> None:
    (clone.root / "workspace").mkdir()
    hold = "from backend.setup.lock import Lock; from pathlib import Path; import time;"
    hold += "assert Lock(Path('workspace/supervisor.lock')).take(); print('held', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", hold]
    with subprocess.Popen(command, cwd=clone.root, stdout=subprocess.PIPE, text=True) as headless:
        assert headless.stdout is not None
        headless.stdout.readline()
        studio = OpenStudio(clone)
        assert "Another supervisor already looks after this workspace" in studio.said
        assert not (studio.workspace / "supervisor.pid").exists()
        headless.kill()
    assert lives(studio.pid("supervisor"))
    studio.process.send_signal(signal.SIGINT)
    assert studio.ends() == commands.DONE


def test_other_machines_cannot_be_let_in(clone: SmallClone) -> None:
    refused = clone.run("--no-browser", "--port", "0", "--host", "0.0.0.0")
    assert refused.returncode == commands.PORT
    assert "listens on this machine alone" in refused.stderr


def test_a_path_and_a_name_in_front_reach_the_page(clone: SmallClone) -> None:
    studio = OpenStudio(clone, "--root-path", "/studio", "--allowed-host", "hub.example.org")
    assert "/studio/?token=" in studio.address
    command = psutil.Process(studio.pid("page")).cmdline()
    assert command[-4:] == ["--root-path", "/studio", "--allowed-host", "hub.example.org"]
    studio.process.send_signal(signal.SIGINT)
    assert studio.ends() == commands.DONE
