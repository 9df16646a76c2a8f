"""`data check` and `data import` on the command line: the last line says all there is to know."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.cli import __main__ as cli
from backend.data import datasets, rows
from backend.data.doctor import report
from backend.paths import Workspace
from backend.people import HOME
from tests.workbooks import xlsx

TABLE = "intrebare;raspuns\n" + "".join(f"Ce este {at}, de fapt?;Este un număr în şir\n" for at in range(12))

SHOWN = [{"place": str(at), "text": "Este un număr în şir", "start": 17, "end": 18, "like": ""} for at in range(2, 7)]
CEDILLA = {
    "code": "doctor.cedilla",
    "severity": "notice",
    "rows": 12,
    "message": "Romanian letters with a cedilla instead of ș and ț with a comma: 12 rows.",
    "examples": SHOWN,
    "fix": "comma_below",
}


def told(capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    code = cli.main(["data", *arguments, "--json", "--workspace", str(tmp_path / "workspace")])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.fixture(autouse=True)
def _unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    # The limit of memory would stay with the process of the tests.
    monkeypatch.setattr("backend.data.opening.limits.limit", lambda: None)


def test_a_check_says_how_a_file_is_read_and_keeps_nothing(capsys, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(TABLE.encode("cp1250"))
    code, said = told(capsys, tmp_path, "check", str(path))
    assert (code, said) == (
        0,
        {
            "rows": 12,
            "shape": "chat",
            "kind": "csv",
            "encoding": "cp1250",
            "separator": ";",
            "languages": ["ro"],
            "findings": [CEDILLA],
            "dataset": None,
        },
    )
    assert [one for one in datasets.available(HOME, Workspace(tmp_path / "workspace")) if not one.shipped] == []


def test_findings_have_a_code_a_severity_rows_and_a_sentence(capsys, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(TABLE + "una;due;tre\n" * 3)
    code, said = told(capsys, tmp_path, "check", str(path))
    assert code != 0
    assert [one["code"] for one in said["findings"]] == ["opening.ragged", "doctor.cedilla"]
    assert said["findings"][:1] == [
        {
            "code": "opening.ragged",
            "severity": "error",
            "rows": 3,
            "message": "Line 14 has 3 values, the header has 2.",
            "examples": [
                {"place": place, "text": "", "start": 0, "end": 0, "like": ""} for place in ("14", "15", "16")
            ],
            "fix": None,
        }
    ]
    code, said = told(capsys, tmp_path, "import", str(path))
    assert (code != 0, said["dataset"], said["findings"][0]["rows"]) == (True, None, 3)


def test_a_file_with_too_few_rows_is_told_before_it_is_imported(capsys, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,answer\n" + "Chi sei?,Un gatto.\n" * 2 + "Dove sei?,Qui.\n")
    code, said = told(capsys, tmp_path, "check", str(tmp_path / "a.csv"))
    found = {one["code"]: one for one in said["findings"]}
    assert (code != 0, sorted(found)) == (True, ["data.too_few", "doctor.duplicate"])
    assert found["data.too_few"]["message"] == ("Only 3 examples (2 different). At least 10 are needed to train.")


def test_a_data_set_that_is_here_is_checked_and_mended_by_name(capsys, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TABLE)
    _, first = told(capsys, tmp_path, "import", str(tmp_path / "a.csv"), "--name", "Numere")
    code, said = told(capsys, tmp_path, "check", "Numere", "--model", "starter")
    assert (code, said["rows"], said["dataset"], said["languages"]) == (0, 12, first["dataset"], ["ro"])
    assert [(one["code"], one["rows"], one["fix"]) for one in said["findings"]] == [
        ("doctor.cedilla", 12, "comma_below")
    ]
    workspace = Workspace(tmp_path / "workspace")
    kept = report.findings(HOME, workspace, datasets.find(HOME, workspace, first["dataset"]))
    assert kept is not None
    assert (kept.model, [one.code for one in kept.findings]) == ("Starter, 2 million", ["doctor.cedilla"])
    code, said = told(capsys, tmp_path, "fix", "Numere", "--fix", "comma_below")
    assert (code, said["version"], said["rows"], said["state"]) == (0, 2, 12, "done")
    code, said = told(capsys, tmp_path, "check", "Numere")
    assert (code, said["findings"]) == (0, [])
    code, said = told(capsys, tmp_path, "fix", "Numere", "--fix", "wonders")
    assert (code != 0, said["key"]) == (True, "doctor.no_fix")


def test_a_file_that_cannot_be_read_is_a_finding(capsys, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 no more")
    code, said = told(capsys, tmp_path, "check", str(tmp_path / "a.zip"))
    assert code != 0
    assert (said["findings"][0]["code"], said["rows"]) == ("opening.damaged_archive", 0)
    code, said = told(capsys, tmp_path, "check", "/etc/no/such/file")
    assert (code != 0, said["findings"][0]["message"]) == (True, "Data set not found.")


def test_an_import_makes_a_data_set_by_a_job(capsys, tmp_path: Path) -> None:
    book = xlsx(tmp_path / "a.xlsx", {"Foaie": [["intrebare", "raspuns"], *([f"Ce e {at}?", "x"] for at in range(12))]})
    code, said = told(capsys, tmp_path, "import", str(book), "--name", "Din Excel")
    assert (code, said["rows"], said["kind"]) == (0, 12, "workbook")
    made = datasets.find(HOME, Workspace(tmp_path / "workspace"), said["dataset"])
    assert (made.name, len(list(rows.read(made.path)))) == ("Din Excel", 12)
    code, said = told(capsys, tmp_path, "list")
    assert "Din Excel" in [one["name"] for one in said["data"]]
