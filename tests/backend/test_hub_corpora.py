"""Texts from the Hub, by the real client against a Hub on loopback: which files, what is refused, what a job leaves."""

import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from backend.cli.__main__ import main
from backend.data import datasets, rows
from backend.data.intake import uploads
from backend.data.versions import card
from backend.errors import DataError
from backend.hub.corpora import submit
from backend.hub.corpora.offer import CorpusOffer, Wanted
from backend.hub.corpora.part import Part
from backend.hub.online import corpora
from backend.hub.online.client import Hub
from backend.hub.submit import DEVICE
from backend.jobs.model import ExitCode, Job
from backend.jobs.supervisor.start import environment
from backend.paths import ROOT
from backend.people import HOME
from backend.setup import commands
from tests.hubserver import world
from tests.hubserver.server import Faults, Repository, running
from tests.hubserver.world import World, refusal

TEXTS = "ana/texte"
BRANCH = "refs/convert/parquet"


def parquet(*texts: str | None, field: str = "text") -> bytes:
    made = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({field: list(texts), "id": list(range(len(texts)))}), made)
    return made.getvalue()


def said(part: int, count: int = 30) -> list[str]:
    return [f"Textul {part}.{at}: " + "țară " * (at * 7 % 40) for at in range(count)]


FIRST, SECOND = parquet(*said(0)), parquet(*said(1))
OWN = {"data/train-00000-of-00002.parquet": FIRST, "data/train-00001-of-00002.parquet": SECOND}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = world.make(tmp_path, monkeypatch)
    made.hub.repositories[TEXTS] = Repository(dict(OWN), card={"license": "cc-by-4.0", "language": ["ro"]})
    with running(made.hub) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield made


def look(**wanted: str) -> CorpusOffer:
    return corpora.look(Hub(), Wanted(hub_id=TEXTS, **wanted))


def fetch(here: World, field: str = "text", rows: Part | None = None, **wanted: str) -> Job:
    offer = look(**wanted)
    return submit.fetch(HOME, here.stage.jobs, offer, accepted=offer.licence.digest, field=field, rows=rows)


def own(here: World) -> list[datasets.Dataset]:
    return [one for one in datasets.available(HOME, here.stage.workspace) if not one.shipped]


def problem(**wanted: str) -> str:
    found = look(**wanted)
    assert found.problem is not None
    assert len({found.problem.say(language) for language in ("en", "ro", "it")}) == 3
    return found.problem.say()


def repository(here: World, files: dict[str, bytes], converted: dict[str, bytes] | None = None) -> None:
    branches = {BRANCH: converted} if converted is not None else {}
    here.hub.repositories[TEXTS] = Repository(files, branches=branches)


def test_the_own_parquet_files_become_a_data_set_with_its_origin(here: World) -> None:
    offer = look()
    assert (offer.config, offer.split, offer.converted, offer.licence.id) == ("default", "train", False, "cc-by-4.0")
    assert offer.bytes == len(FIRST) + len(SECOND)
    job = fetch(here)
    assert (job.kind, job.device) == ("corpus", DEVICE)
    assert job not in here.stage.jobs.shown(HOME)
    assert here.work(job) == ExitCode.DONE
    (made,) = own(here)
    assert [row["text"] for row in rows.read(made.path)] == [*said(0), *said(1)]
    assert (made.name, made.hub_id, made.licence, made.shape) == ("texte", TEXTS, "cc-by-4.0", "text")
    assert made.revision == here.hub.repositories[TEXTS].revision("main")[0]
    assert (here.stage.workspace.indexes / made.sha256).is_dir()
    assert not (here.folder(job).path / ".fetched").exists()
    assert "are here already" in refusal(lambda: fetch(here))


def test_a_second_try_of_the_same_makes_no_second_data_set(here: World) -> None:
    job = fetch(here)
    assert [here.work(job), here.work(job)] == [ExitCode.DONE, ExitCode.DONE]
    assert len(own(here)) == 1


def test_a_set_with_a_program_comes_from_its_complete_conversion(here: World) -> None:
    repository(here, {"texte.py": b"import os", "README.md": b""}, {"default/train/0000.parquet": FIRST})
    offer = look()
    assert (offer.converted, offer.problem, len(offer.files)) == (True, None, 1)
    assert here.work(fetch(here)) == ExitCode.DONE
    assert own(here)[0].rows == 30


@pytest.mark.parametrize(
    ("files", "converted", "sentence"),
    [
        ({"texte.py": b"import os"}, None, "needs a program of its own"),
        ({"texte.py": b"import os"}, {"README.md": b""}, "needs a program of its own"),
        ({"corpus.jsonl.gz": b"x"}, None, "no parquet files"),
        ({"texte.py": b""}, {"default/partial-train/0000.parquet": FIRST}, 'only the beginning of "train"'),
        ({"data/train-00000-of-00002.parquet": FIRST}, None, "missing on the Hub"),
    ],
)
def test_what_is_not_there_as_a_whole_is_refused(here: World, files, converted, sentence: str) -> None:
    repository(here, files, converted)
    assert sentence in problem()
    assert sentence in refusal(lambda: fetch(here))
    assert not here.stage.jobs.all(HOME)


def test_files_that_are_not_all_there_give_way_to_the_conversion(here: World) -> None:
    repository(here, {"data/train-00000-of-00002.parquet": FIRST}, {"default/train/0000.parquet": SECOND})
    assert look().converted


def test_of_several_parts_one_is_chosen_by_name(here: World) -> None:
    files = {f"{config}/{split}-00000-of-00001.parquet": FIRST for config in ("ro", "it") for split in ("train", "dev")}
    repository(here, files)
    assert "There are: it, ro." in problem()
    assert "There are: it, ro." in problem(config="en")
    assert "There are: dev, train." in problem(config="ro", split="test")
    found = look(config="ro", split="dev")
    assert [file.path for file in found.files] == ["ro/dev-00000-of-00001.parquet"]
    assert (found.configs, found.splits) == (("it", "ro"), ("dev", "train"))


@pytest.mark.parametrize(
    "path", ["../train-00000-of-00001.parquet", "a/../train-00000-of-00001.parquet", "/train.parquet"]
)
def test_a_path_that_leaves_its_folder_is_no_file_of_a_corpus(here: World, path: str) -> None:
    repository(here, {path: FIRST})
    assert "no parquet files" in problem()


def test_a_data_set_that_is_not_there_or_is_gated_is_said(here: World) -> None:
    assert "nothing called" in refusal(lambda: corpora.look(Hub(), Wanted(hub_id="ana/nowhere")))
    here.hub.repositories[TEXTS].gated = "manual"
    job = fetch(here)
    assert "behind an agreement" in refusal(lambda: here.work(job))
    assert not own(here)


def test_a_licence_that_was_not_shown_is_not_accepted(here: World) -> None:
    offer = look()
    assert "Read and accept" in refusal(lambda: submit.fetch(HOME, here.stage.jobs, offer, accepted=""))


def test_rows_without_a_text_are_left_out_and_another_field_can_be_named(here: World) -> None:
    repository(here, {"train-00000-of-00001.parquet": parquet("", None, *said(2), field="content")})
    job = fetch(here, field="content")
    assert here.work(job) == ExitCode.DONE
    assert (own(here)[0].rows, own(here)[0].skipped) == (30, 2)


def test_a_field_that_is_not_there_is_said_with_those_that_are(here: World) -> None:
    job = fetch(here, field="content")
    assert "It has: text, id" in refusal(lambda: here.work(job))


def test_a_file_with_other_bytes_is_refused_and_fetched_anew(here: World) -> None:
    job = fetch(here)
    here.hub.faults.instead = {"data/train-00001-of-00002.parquet": bytes(len(SECOND))}
    refusal(lambda: here.work(job))
    assert not own(here)
    here.hub.faults.instead = {}
    assert here.work(job) == ExitCode.DONE


def test_a_kill_in_the_middle_loses_nothing(here: World) -> None:
    here.hub.repositories[TEXTS].files = {
        "train-00000-of-00001.parquet": parquet(*(os.urandom(400).hex() for _ in range(400)))
    }
    here.hub.faults = Faults(bytes_each_second=150_000)
    job = fetch(here)
    assert here.stage.claims.take(lambda first: first.id == job.id)
    part = here.folder(job).path / ".fetched" / "train-00000-of-00001.parquet.part"
    process = subprocess.Popen(here.command(job), cwd=ROOT, env=environment())
    until = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 50_000) and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    arrived = part.stat().st_size
    here.hub.faults = Faults()
    assert here.work(job) == ExitCode.DONE
    assert [start for _, role, start in here.hub.sent if role == "cdn"][-1] >= min(arrived, 50_000) > 0
    assert own(here)[0].rows == 400


@pytest.fixture
def run(here: World, capsys: pytest.CaptureFixture[str]):
    def data(*words: str) -> tuple[int, dict, str]:
        code = main(["data", *words, "--workspace", str(here.stage.workspace.root), "--json"])
        told = capsys.readouterr()
        return code, json.loads(told.out.strip().splitlines()[-1]), told.err

    return data


def test_by_command_texts_are_shown_fetched_listed_and_removed(here: World, run) -> None:
    code, shown, _ = run("show", TEXTS)
    assert (code, shown["licence"]["id"], shown["enough"], shown["problem"]) == (commands.DONE, "cc-by-4.0", True, None)
    code, refused, told = run("add", TEXTS)
    assert (code, refused["key"]) == (commands.FAILED, "hub.licence_not_accepted")
    assert "cc-by-4.0" in told
    code, done, _ = run("add", TEXTS, "--accept-licence", "--name", "știri")
    assert (code, done["state"], done["rows"], done["reason"]) == (commands.DONE, "done", 60, None)
    code, listed, _ = run()
    assert (code, listed["data"][-1]["name"], listed["data"][-1]["hub_id"]) == (commands.DONE, "știri", TEXTS)
    code, kept, _ = run("delete", "știri")
    assert (code, kept["removed"], len(own(here))) == (commands.DONE, False, 1)
    code, gone, _ = run("delete", "știri", "--yes")
    assert (code, gone["removed"], own(here)) == (commands.DONE, True, [])


def test_by_command_a_file_is_added(here: World, run, tmp_path: Path) -> None:
    path = tmp_path / "cărți.parquet"
    path.write_bytes(parquet(*said(5), field="content"))
    code, refused, _ = run("add", str(path))
    assert (code, refused["key"]) == (commands.FAILED, "data.no_column")
    code, done, _ = run("add", str(path), "--field", "content")
    assert (code, done["name"], done["rows"]) == (commands.DONE, "cărți", 30)
    code, missing, _ = run("delete")
    assert (code, missing["key"]) == (commands.FAILED, "data.name_missing")


def test_the_files_themselves_become_an_upload_that_says_where_it_is_from(here: World) -> None:
    job = fetch(here, field=submit.AS_FILES)
    assert here.work(job) == ExitCode.DONE
    folder = here.folder(job)
    upload = folder.read(folder.result)["upload"]
    found = uploads.files(HOME, here.stage.workspace, upload)
    assert [(name, path.read_bytes()) for name, path in found] == list(OWN.items())
    origin = uploads.origin(HOME, here.stage.workspace, upload)
    assert (origin["hub_id"], origin["licence"]) == (TEXTS, "cc-by-4.0")
    assert len(origin["revision"]) == 40
    assert own(here) == []
    assert not (folder.path / ".fetched").exists()


@pytest.mark.parametrize(
    ("first", "last", "texts", "fetched"),
    [
        (1, 10, said(0)[:10], 1),
        (25, 35, [*said(0)[24:], *said(1)[:5]], 2),
        (31, None, said(1), 2),
        (41, 10**6, said(1)[10:], 2),
        (1, 30, said(0), 1),
    ],
)
def test_of_many_rows_those_that_are_wanted_come_and_no_file_behind_them(
    here: World, first: int, last: int | None, texts: list[str], fetched: int
) -> None:
    assert here.work(fetch(here, rows=Part(first=first, last=last))) == ExitCode.DONE
    (made,) = own(here)
    assert [row["text"] for row in rows.read(made.path)] == texts
    assert made.part == f"default, train, rows {first}-{last or ''}"
    assert f"rows {first}-" in card.written(made)
    assert len([path for path in OWN if here.hub.taken(path)]) == fetched


def test_rows_behind_the_last_one_are_said_to_be_missing(here: World) -> None:
    job = fetch(here, rows=Part(first=61, last=70))
    with pytest.raises(DataError, match="no row 61"):
        here.work(job)


def test_part_of_the_files_becomes_an_upload(here: World) -> None:
    job = fetch(here, field=submit.AS_FILES, rows=Part(first=29, last=32))
    assert here.work(job) == ExitCode.DONE
    folder = here.folder(job)
    found = uploads.files(HOME, here.stage.workspace, folder.read(folder.result)["upload"])
    assert [name for name, _ in found] == list(OWN)
    kept = [text for _, path in found for text in pyarrow.parquet.read_table(path)["text"].to_pylist()]
    assert kept == [*said(0)[28:], *said(1)[:2]]


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ("", "", Part()),
        ("", "5.000", Part(last=5000)),
        (" 10 ", "20", Part(first=10, last=20)),
        ("7", "", Part(first=7)),
        ("1", "1", Part(last=1)),
    ],
)
def test_rows_are_chosen_as_people_write_numbers(first: str, last: str, found: Part) -> None:
    assert Part.of(first, last) == found


@pytest.mark.parametrize(
    ("first", "last"), [("0", ""), ("5", "4"), ("-1", "3"), ("unu", ""), ("", "x"), ("1", "9" * 30)]
)
def test_rows_that_cannot_be_are_refused(first: str, last: str) -> None:
    with pytest.raises(DataError, match="Rows go from 1 on"):
        Part.of(first, last)
