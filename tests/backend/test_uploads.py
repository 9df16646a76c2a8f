"""What somebody brings lies under names of ours, whole or not at all, for its owner alone, and is swept away later."""

import os
import time
from pathlib import Path

import pytest

from backend.data import datasets
from backend.data.intake import uploads
from backend.data.intake.uploads import KEPT_SECONDS, cleaned
from backend.data.opening.files import open_files
from backend.errors import AccessError, DataError, JobError, StudioError
from backend.jobs.model import NewJob
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import HOME, Person

OTHER = Person("somebody-else")
LINES = "".join(f'{{"question": "Cât fac {n} și 1?", "answer": "{n + 1}."}}\n' for n in range(12))


def brings(workspace: Workspace, upload: str, name: str, content: bytes = b"ceva") -> None:
    incoming = uploads.receive(HOME, workspace, upload, name, len(content))
    incoming.write(content)
    incoming.done()
    incoming.close()


def test_files_keep_the_names_they_had_and_lie_under_names_of_ours(workspace: Workspace) -> None:
    upload = uploads.begin(HOME, workspace)
    brings(workspace, upload, "poze/vara/1.jpg", b"una")
    brings(workspace, upload, "listă (1)?.CSV", b"alta")
    found = uploads.files(HOME, workspace, upload)
    assert [(name, path.read_bytes()) for name, path in found] == [
        ("poze/vara/1.jpg", b"una"),
        ("listă (1)?.CSV", b"alta"),
    ]
    assert [path.name for _, path in found] == ["1.jpg", "listă 1.csv"]
    assert all(path.is_relative_to(workspace.uploads / upload) for _, path in found)


def test_a_file_that_did_not_come_whole_is_none(workspace: Workspace) -> None:
    upload = uploads.begin(HOME, workspace)
    incoming = uploads.receive(HOME, workspace, upload, "half.csv", 100)
    incoming.write(b"a;b")
    incoming.close()
    assert uploads.files(HOME, workspace, upload) == []
    assert [path.name for path in (workspace.uploads / upload).iterdir()] == ["owner"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "C:\\a.csv", "a\0.csv", "..\\a.csv"])
def test_no_name_leads_elsewhere(workspace: Workspace, name: str) -> None:
    upload = uploads.begin(HOME, workspace)
    with pytest.raises(DataError) as refused:
        uploads.receive(HOME, workspace, upload, name, 1)
    assert refused.value.key == "opening.unsafe_path"


@pytest.mark.parametrize("name", ["", "   ", "a" * 501])
def test_a_name_is_there_and_not_endless(workspace: Workspace, name: str) -> None:
    with pytest.raises(DataError) as refused:
        uploads.receive(HOME, workspace, uploads.begin(HOME, workspace), name, 1)
    assert refused.value.key == "data.upload_name"


def test_one_byte_too_many_is_told_with_the_limit(workspace: Workspace) -> None:
    upload = uploads.begin(HOME, workspace)
    with pytest.raises(DataError) as caught:
        uploads.receive(HOME, workspace, upload, "date/x.csv", uploads.MOST_BYTES + 1)
    assert [caught.value.say(language) for language in ("en", "ro", "it")] == [
        '"date/x.csv" is 20.000000001 GB. The limit is 20 GB. Split it into several files.',
        "„date/x.csv” are 20,000000001 GB. Limita este de 20 GB. Împarte-l în mai multe fișiere.",
        "«date/x.csv» è di 20,000000001 GB. Il limite è 20 GB. Dividilo in più file.",
    ]
    assert uploads.files(HOME, workspace, upload) == []


def test_a_thousand_files_come_at_once(workspace: Workspace) -> None:
    upload = uploads.begin(HOME, workspace)
    for at in range(1000):
        incoming = uploads.receive(HOME, workspace, upload, f"date/{at}.txt", 4)
        incoming.write(f"Text {at}.".encode())
        incoming.done()
    found = uploads.files(HOME, workspace, upload)
    assert [name for name, _ in found] == [f"date/{at}.txt" for at in range(1000)]
    assert len(list(open_files(found).records())) == 1000


def test_what_finds_no_room_is_refused_before_it_comes(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_BYTES", 10**17)
    with pytest.raises(DataError) as refused:
        uploads.receive(HOME, workspace, uploads.begin(HOME, workspace), "large.csv", 10**16)
    assert refused.value.key == "data.upload_no_room"


@pytest.mark.parametrize("upload", ["", "..", "0" * 32, "../datasets", "A" * 32])
def test_there_is_no_upload_that_was_not_begun(workspace: Workspace, upload: str) -> None:
    for act in (uploads.files, uploads.discard):
        with pytest.raises(AccessError):
            act(HOME, workspace, upload)


def test_an_upload_is_its_owners_alone(workspace: Workspace) -> None:
    upload = uploads.begin(HOME, workspace)
    brings(workspace, upload, "a.csv")
    with pytest.raises(AccessError):
        uploads.files(OTHER, workspace, upload)
    with pytest.raises(AccessError):
        uploads.discard(OTHER, workspace, upload)
    uploads.discard(HOME, workspace, upload)
    assert not (workspace.uploads / upload).exists()


def test_what_is_a_day_old_and_not_needed_is_swept_away(workspace: Workspace) -> None:
    old, needed, new = (uploads.begin(HOME, workspace) for _ in range(3))
    before = time.time() - KEPT_SECONDS - 60
    for one in (old, needed):
        os.utime(workspace.uploads / one, (before, before))
    uploads.sweep(workspace, {needed})
    assert {folder.name for folder in workspace.uploads.iterdir()} == {needed, new}


@pytest.mark.parametrize("name", ["….csv", "con.txt", "日本語" * 40 + ".json", ".hidden", "a.b.c.EXE-1", "x" * 400])
def test_a_cleaned_name_can_be_a_file(tmp_path: Path, name: str) -> None:
    made = cleaned(name)
    (tmp_path / made).write_bytes(b"x")
    assert len(made.encode()) < 200
    assert made == cleaned(made)


def added(workspace: Workspace, tmp_path: Path, name: str) -> datasets.Dataset:
    path = tmp_path / f"{name}.jsonl"
    path.write_text(LINES.replace("fac", f"fac ({name})"), encoding="utf-8")
    return datasets.add(HOME, workspace, path, name)


def test_a_data_set_gets_another_name_that_nobody_has(workspace: Workspace, tmp_path: Path) -> None:
    mine, other = added(workspace, tmp_path, "suma"), added(workspace, tmp_path, "alta")
    assert datasets.rename(HOME, workspace, mine.id, " Sume mici ").name == "Sume mici"
    assert datasets.find(HOME, workspace, "sume MICI").id == mine.id
    assert datasets.rename(HOME, workspace, mine.id, "Sume mici").name == "Sume mici"
    for person, name, kind in ((HOME, "ALTA", JobError), (HOME, "a/b", JobError), (OTHER, "liber", AccessError)):
        with pytest.raises(kind):
            datasets.rename(person, workspace, mine.id, name)
    with pytest.raises(StudioError):
        datasets.rename(HOME, workspace, "starter-ro", "al meu")
    assert datasets.find(HOME, workspace, other.id).name == "alta"


def test_which_runs_used_which_data_is_known_for_all_at_once(workspace: Workspace, tmp_path: Path) -> None:
    from backend.data.versions import losses

    mine, other = added(workspace, tmp_path, "suma"), added(workspace, tmp_path, "alta")
    jobs = Jobs(Ledger.of(workspace), workspace)
    one = jobs.submit(HOME, NewJob("train", "una", {"data": {"id": mine.id}}))
    two = jobs.submit(HOME, NewJob("train", "doua", {"stages": [{"data": {"id": mine.id, "parent": other.id}}]}))
    jobs.submit(HOME, NewJob("data", "privire", {"check": {"dataset": mine.id}}))
    found = losses.used(HOME, jobs)
    assert {key: {job.id for job in runs} for key, runs in found.items()} == {mine.id: {one.id, two.id}}
    assert {job.id for job in losses.of(HOME, jobs, mine.id).runs} == {one.id, two.id}
