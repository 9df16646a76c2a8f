"""Setting up, part by part: what is said when, which torch, what is installed."""

import ast
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend.messages import catalogue
from backend.setup import checks, commands, machine, output, voice
from backend.setup.environment import DEVELOPER, USER, Environment

ROOT = Path(__file__).resolve().parent.parent.parent
SETUP = [ROOT / "launch.py", *sorted((ROOT / "backend/setup").rglob("*.py"))]

PIP_OFFLINE = """WARNING: Retrying (Retry(total=1)) after connection broken by 'NewConnectionError(
'<pip._vendor.urllib3.connection.HTTPSConnection object>: Failed to establish a new connection: [Errno -2] Name or
service not known')': /simple/uv/
ERROR: Could not find a version that satisfies the requirement uv (from versions: none)
ERROR: No matching distribution found for uv"""
UV_OFFLINE = """error: Failed to fetch: `https://pypi.org/simple/torch/`
  Caused by: error sending request for url (https://pypi.org/simple/torch/)
  Caused by: client error (Connect)
  Caused by: dns error: failed to lookup address information: Temporary failure in name resolution"""
PIP_FULL = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
UV_FULL = """error: Failed to install: torch-2.15.0.whl (torch==2.15.0)
  Caused by: failed to copy file from /a to /b: No space left on device (os error 28)"""
WINDOWS_FULL = "OSError: [WinError 112] There is not enough space on the disk"
UV_OTHER = """  × No solution found when resolving dependencies:
  ╰─▶ Because torch==99 was not found, your requirements are unsatisfiable."""


@pytest.mark.parametrize(
    ("said", "key"),
    [
        (PIP_OFFLINE, "setup.no_network"),
        (UV_OFFLINE, "setup.no_network"),
        (PIP_FULL, "setup.disk_full"),
        (UV_FULL, "setup.disk_full"),
        (WINDOWS_FULL, "setup.disk_full"),
        (UV_OTHER, "setup.install_failed"),
        ("", "setup.install_failed"),
    ],
)
def test_an_installers_last_words_become_one_sentence(said: str, key: str, tmp_path: Path) -> None:
    error = output.failure(said, tmp_path)
    assert error.key == key
    assert "{" not in str(error)
    assert "\n" not in str(error)


def test_a_disk_that_is_full_now_is_the_reason_whatever_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "ALMOST_FULL", machine.free_disk(tmp_path) + 10**12)
    assert output.failure("it broke", tmp_path).key == "setup.disk_full"


def test_on_a_terminal_the_installer_gets_a_terminal_and_is_still_remembered() -> None:
    ours, theirs = pty.openpty()
    ask = "from backend.setup import output; import sys;"
    child = "import sys; print('tty' if sys.stderr.isatty() and sys.stdout.isatty() else 'pipe'); sys.exit(7)"
    ask += f"print(*output.show([sys.executable, '-c', {child!r}]))"
    asked = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    assert asked.stdout.split() == ["7", "tty"]
    assert b"tty" in os.read(ours, 1000)
    os.close(ours)


def test_every_sentence_that_set_up_says_exists_and_every_one_that_exists_is_said() -> None:
    said = {"old_python", "page_died", "supervisor_died", "page_cannot_start", "supervisor_cannot_start"}
    for path in SETUP:
        for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
            said |= {str(a.value).removeprefix("setup.") for a in call.args if isinstance(a, ast.Constant)}
        said |= set(re.findall(r'"(will_\w+|runs?_go(?:es)?_on)"', path.read_text("utf-8")))
    exist = {key.partition(".")[2] for key in catalogue("en") if key.startswith("setup.")}
    assert exist - said == set()
    texts = "".join(path.read_text("utf-8") for path in SETUP)
    asked = set(re.findall(r'(?:SetupError|voice\.say|Problem)\(\s*"(?:setup\.)?(\w+)"', texts))
    assert len(asked) > 30
    assert asked - exist == set()


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "en"),
        ({"LANG": "ro_RO.UTF-8"}, "ro"),
        ({"LC_ALL": "it_IT", "LANG": "ro_RO"}, "it"),
        ({"LANG": "ja_JP.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "it"}, "it"),
    ],
)
def test_the_language_is_the_persons(variables: dict[str, str], language: str) -> None:
    assert voice.language(variables) == language


CARD = machine.Card("NVIDIA H100", 80 * 2**30, "580.95.05")
OLD_CARD = machine.Card("NVIDIA T4", 15 * 2**30, "535.247.01")


@pytest.mark.parametrize(
    ("cards", "system", "source"),
    [
        ((), "linux", machine.ORDINARY),
        ((), "win32", machine.ORDINARY),
        ((), "darwin", machine.ORDINARY),
        ((CARD,), "linux", machine.ORDINARY),
        ((CARD,), "win32", machine.PYTORCH_INDEX),
        ((OLD_CARD,), "linux", machine.PYTORCH_INDEX),
        ((CARD, OLD_CARD), "linux", machine.PYTORCH_INDEX),
    ],
)
def test_torch_fits_the_card(cards: tuple[machine.Card, ...], system: str, source: str) -> None:
    assert machine.torch_source(cards, system) == source


@pytest.mark.parametrize(
    ("answer", "status", "expected"),
    [
        ("NVIDIA H100 80GB HBM3, 81559, 580.95.05", 0, [("NVIDIA H100 80GB HBM3", 81559 * 2**20, 580)]),
        ("Odd, Name, 100, 535.1\nB, [N/A], 550", 0, [("Odd, Name", 100 * 2**20, 535), ("B", 0, 550)]),
        ("NVIDIA-SMI has failed because it could not communicate with the driver", 9, []),
        ("No devices were found", 0, []),
    ],
)
def test_cards_are_what_the_driver_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, status: int, expected: list[tuple[str, int, int]]
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\nexit {status}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert [(card.name, card.memory_bytes, card.driver_major) for card in machine.cards()] == expected


def test_a_machine_without_a_driver_has_no_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.cards() == ()


def test_tests_choose_pytest_alone_when_it_gets_arguments(tmp_path: Path) -> None:
    every = checks.planned(commands.read(["test"]), Environment(tmp_path))
    assert [name for name, _ in every] == ["ruff check", "ruff format", "mypy", "import contracts", "pytest"]
    assert every[-1][1][3:5] == ["-m", "not slow"]
    long = checks.planned(commands.read(["test", "--all"]), Environment(tmp_path))
    assert "not slow" not in long[-1][1]
    (name, command), *others = checks.planned(commands.read(["test", "tests/x.py", "-k", "one"]), Environment(tmp_path))
    assert (name, others) == ("pytest", [])
    assert command[-3:] == ["tests/x.py", "-k", "one"]


BROWSER = "tests/browser/test_a.py"


@pytest.mark.parametrize(
    ("failed", "again"),
    [
        ({f"{BROWSER}::test_x": True, f"{BROWSER}::test_y": True}, [BROWSER]),
        ({f"{BROWSER}::test_x": True, "tests/backend/test_b.py::test_y": True}, []),
        ({f"tests/faults/test_{name}.py::test_x": True for name in "abcd"}, []),
    ],
)
def test_only_few_files_that_wait_for_processes_run_a_second_time(
    tmp_path: Path, failed: dict[str, bool], again: list[str]
) -> None:
    environment = Environment(tmp_path)
    assert checks.to_run_again(environment) == []
    checks.last_failed(environment).parent.mkdir(parents=True)
    checks.last_failed(environment).write_text(json.dumps(failed))
    assert checks.to_run_again(environment) == again


@pytest.mark.parametrize(("file", "status"), [("faults", 0), ("faults_always", 1), ("backend", 1)])
def test_a_file_that_passes_when_it_runs_alone_has_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, status: int
) -> None:
    environment = Environment(tmp_path)
    environment.scripts.mkdir(parents=True)
    environment.python.symlink_to(sys.executable)
    test = tmp_path / "tests" / file.removesuffix("_always") / "test_one.py"
    test.parent.mkdir(parents=True)
    happens = "False" if file.endswith("_always") else "seen.read_text() == 'xx'"
    test.write_text(
        "from pathlib import Path\n\ndef test_one():\n"
        "    seen = Path(__file__).with_suffix('.seen')\n"
        "    seen.write_text((seen.read_text() if seen.exists() else '') + 'x')\n"
        f"    assert {happens}\n"
    )
    monkeypatch.setattr(checks, "chromium", lambda *_: None)
    one = [str(environment.python), "-m", "pytest", "-q", str(tmp_path / "tests")]
    monkeypatch.setattr(checks, "planned", lambda *_: [("pytest", one)])
    options = commands.read(["test"])
    assert checks.run(options, environment, voice.Voice("en", as_json=False)) == status


def test_a_run_of_tests_that_was_cut_off_is_not_made_good_by_one_of_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = Environment(tmp_path)
    left = checks.last_failed(environment)
    write = f"p = Path({str(left)!r}); p.parent.mkdir(parents=True); p.write_text({json.dumps({BROWSER: True})!r})"
    cut_off = [sys.executable, "-c", f"import sys; from pathlib import Path; {write}; sys.exit(3)"]
    monkeypatch.setattr(checks, "chromium", lambda *_: None)
    monkeypatch.setattr(checks, "planned", lambda *_: [("pytest", cut_off)])
    assert checks.run(commands.read(["test"]), environment, voice.Voice("en", as_json=False)) == 3
    assert checks.to_run_again(environment) == [BROWSER]


def test_a_named_chromium_comes_first_and_is_not_replaced_when_it_is_missing(tmp_path: Path) -> None:
    for name in ("mine", "chromium"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert checks.find_chromium(str(tmp_path / "mine"), str(tmp_path)) == str(tmp_path / "mine")
    assert checks.find_chromium("", str(tmp_path)) == str(tmp_path / "chromium")
    assert checks.find_chromium(str(tmp_path / "gone"), str(tmp_path)) is None


def test_the_stamp_follows_included_requirements_and_survives_damage(tmp_path: Path) -> None:
    environment = Environment(tmp_path)
    environment.scripts.mkdir(parents=True)
    environment.python.symlink_to(sys.executable)
    (tmp_path / USER).write_text("leaf\n")
    (tmp_path / DEVELOPER).write_text("-r requirements.txt\ntwig\n")
    assert not environment.is_ready(DEVELOPER)
    environment.mark_ready(DEVELOPER)
    assert environment.is_ready(DEVELOPER)
    (tmp_path / USER).write_text("leaf>=2\n")
    assert not environment.is_ready(DEVELOPER)
    environment.stamp(DEVELOPER).write_text('{"requ')
    assert not environment.is_ready(DEVELOPER)
