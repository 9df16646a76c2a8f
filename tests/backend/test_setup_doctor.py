"""What the doctor finds, and what a bug report must never carry."""

import getpass
import json
import os
import sqlite3
import sys
import zipfile
from pathlib import Path

import pytest

from backend.errors import SetupError
from backend.paths import Workspace
from backend.setup import bundle, commands, doctor, voice
from backend.setup.environment import USER, Environment

LOG = """2026-11-22 12:00:01,120 INFO claimed run 7f3a
2026-11-22 12:00:02,120 WARNING run "Proba mea secretă" is slow, token=hf_AbCdEfGhIjKlMnOpQrStUvWx
Ana are mere și pere
Traceback (most recent call last):
  File "/home/ana/studio/backend/training/run.py", line 12, in run
    train(rows=[{"role": "user", "content": "Care este parola mea?"}])
ValueError: the row 'Care este parola mea?' has no answer
backend.errors.DataError: Conversation 4: "Spune-mi un secret"
KeyboardInterrupt
open http://127.0.0.1:7860/?token=Zm9vYmFyYmF6cXV4
ERROR: Authorization: Bearer sk-proj-1234567890abcdef
INFO: 127.0.0.1 - "GET /?token=Zm9vYmFyYmF6cXV4 HTTP/1.1" 200
STUDIO_TOKEN=Zm9vYmFyYmF6cXV4
"""
PRIVATE = ["secret", "mere", "parola", "hf_", "Zm9vYmFy", "sk-proj", "1234567890", "Proba", "content"]


def test_a_log_keeps_where_it_failed_and_nothing_private() -> None:
    kept = bundle.redact(LOG)
    assert [word for word in PRIVATE if word in kept] == []
    for wanted in ("claimed run 7f3a", "backend/training/run.py", "line 12, in run", "ValueError: …", "DataError: …"):
        assert wanted in kept
    assert "is slow" in kept


def test_the_persons_folder_and_name_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/mariana")
    monkeypatch.setenv("LOGNAME", "mariana")
    kept = bundle.redact('  File "/home/mariana/notes/x.py", line 3, in go\nINFO opened by mariana at 10\n')
    assert "mariana" not in kept
    assert "~/notes/x.py" in kept
    assert getpass.getuser() == "mariana"


def test_a_bundle_holds_the_report_and_the_logs_alone(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w").create()
    (workspace.logs / "studio.log").write_text(LOG)
    (workspace.runs / "r1").mkdir()
    (workspace.runs / "r1/prompts.jsonl").write_text("parola mea")
    bundle.write(tmp_path / "report.zip", {"python": "3.11"}, workspace)
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        assert sorted(archive.namelist()) == ["doctor.json", "logs/studio.log"]
        everything = "".join(archive.read(name).decode() for name in archive.namelist())
    assert [word for word in PRIVATE if word in everything] == []


def test_a_bundle_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be written"):
        bundle.write(tmp_path / "missing" / "report.zip", {}, Workspace(tmp_path))


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A clone that is set up, as far as its stamp says."""
    made = Environment(tmp_path / "clone")
    made.scripts.mkdir(parents=True)
    made.python.symlink_to(sys.executable)
    (made.folder / "pyvenv.cfg").write_text("version = 3.11.7\n")
    (made.root / USER).write_text("# what a user needs\nleaf>=1\nPyTwig==2\n")
    (made.root / "requirements-dev.txt").write_text("-r requirements.txt\n")
    (made.packages / "leaf-1.4.dist-info").mkdir(parents=True)
    (made.packages / "leaf-1.4.dist-info/RECORD").touch()
    made.mark_ready(USER)
    return made


def examine(environment: Environment, *arguments: str) -> tuple[int, list[str]]:
    """The doctor's status and what it printed."""
    options = commands.read(["doctor", "--workspace", str(environment.root / "workspace"), *arguments])
    with (environment.root / "said.txt").open("w+", encoding="utf-8") as said:
        status = doctor.run(options, environment, voice.Voice("en", said))
        said.seek(0)
        return status, said.read().splitlines()


def test_a_healthy_clone_misses_nothing(environment: Environment) -> None:
    status, lines = examine(environment)
    assert status == commands.DONE
    assert any(line.startswith("packages") and "leaf 1.4, pytwig –" in line for line in lines)
    assert not [line for line in lines if "not installed whole" in line]


def test_a_changed_requirement_is_missing(environment: Environment) -> None:
    (environment.root / USER).write_text("leaf>=2\n")
    status, lines = examine(environment)
    assert status == commands.FAILED
    assert any("The packages are not installed whole" in line for line in lines)


def test_a_damaged_ledger_is_found(environment: Environment) -> None:
    workspace = Workspace(environment.root / "workspace").create()
    with sqlite3.connect(workspace.ledger) as ledger:
        ledger.execute("CREATE TABLE jobs (state TEXT)")
        ledger.executemany("INSERT INTO jobs VALUES (?)", [("x" * 500,)] * 200)
    ledger.close()
    assert examine(environment)[0] == commands.DONE
    whole = workspace.ledger.read_bytes()
    workspace.ledger.write_bytes(whole[:4096] + os.urandom(8192) + whole[12288:])
    status, lines = examine(environment)
    assert status == commands.FAILED
    assert any("The ledger of the workspace is damaged" in line for line in lines)


def test_an_old_driver_is_said_but_keeps_nobody_from_starting(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 'NVIDIA T4, 15360, 535.247.01'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    status, lines = examine(environment)
    assert status == commands.DONE
    assert any("The NVIDIA driver 535.247.01 is too old" in line for line in lines)


def test_the_report_is_json_for_a_program(environment: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    options = commands.read(["doctor", "--json", "--workspace", str(environment.root / "workspace")])
    doctor.run(options, environment, voice.Voice("ro", as_json=True))
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["packages"] == {"leaf": "1.4"}
    assert report["workspace"]["folder"] == str(environment.root / "workspace")
    assert report["problems"] == []
