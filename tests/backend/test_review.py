"""A review: verdicts kept and taken back, agreement in known numbers, disputes, the version of what is approved."""

import json
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from backend.cli import __main__ as cli
from backend.data import datasets, rows
from backend.data.datasets import Dataset, Step
from backend.data.preparing import making, plan
from backend.data.review import agreement, columns, editing, reviewing, run, standing, submit, walking
from backend.data.review.reviewing import OWNER, Review
from backend.data.review.verdict import Log, Verdict
from backend.data.versions import card
from backend.data.versions.deriving import derive
from backend.errors import AccessError, DataError, JobError
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import HOME, Person

ROWS = 30


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace").create()


@pytest.fixture
def mine(workspace: Workspace, tmp_path: Path) -> Dataset:
    path = tmp_path / "sums.jsonl"
    lines = [f'{{"question": "Cât fac {n} și 1?", "answer": "{n + 1}."}}' for n in range(ROWS)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return datasets.add(HOME, workspace, path, "Sume")


@pytest.fixture
def review(workspace: Workspace, mine: Dataset) -> Review:
    """Begun, with Ana and Ion."""
    reviewing.begin(HOME, workspace, mine)
    reviewing.join(HOME, workspace, mine, "Ana")
    return reviewing.join(HOME, workspace, mine, "Ion")[0]


def corrected(review: Review, workspace: Workspace, number: int, answer: str) -> dict[str, Any]:
    return editing.edited(reviewing.row(review, workspace, number), {"messages.1.content": answer})


# Verdicts


def test_what_a_reviewer_says_last_of_a_row_stands_and_undo_leads_back(review: Review) -> None:
    for said in ("approve", "reject"):
        review.judge("ana", 3, said, note=f"de ce {said}")
    assert (review.of("Ana")[3].said, review.of("Ana")[3].note) == ("reject", "de ce reject")
    taken = review.undo("Ana")
    assert taken is not None
    assert (taken.said, review.of("Ana")[3].said) == ("reject", "approve")
    assert review.undo("Ana") is not None
    assert (review.of("Ana"), review.undo("Ana")) == ({}, None)


def test_reviewers_do_not_meet_each_others_verdicts(workspace: Workspace, mine: Dataset, review: Review) -> None:
    review.judge("Ana", 0, "approve")
    assert review.of("Ion") == {}
    assert standing.progress(review, "Ion").judged == 0
    assert walking.seek(review, "Ion", "unseen", 0) == 0
    assert reviewing.join(HOME, workspace, mine, " ANA ")[1] == "Ana"
    assert reviewing.require(HOME, workspace, mine).reviewers == ("Ana", "Ion")


def test_what_cannot_be_kept_is_refused(workspace: Workspace, mine: Dataset, review: Review) -> None:
    with pytest.raises(AccessError, match="does not take part"):
        review.judge("Dan", 0, "approve")
    with pytest.raises(DataError, match="not part"):
        review.judge("Ana", ROWS, "approve")
    with pytest.raises(DataError, match="2000 characters"):
        review.judge("Ana", 0, "approve", note="x" * 2001)
    with pytest.raises(DataError, match="your name"):
        reviewing.join(HOME, workspace, mine, "  ")
    with pytest.raises(JobError):
        reviewing.join(HOME, workspace, mine, "../Ana")
    assert review.of("Ana") == {}


def test_a_line_that_was_torn_by_a_kill_loses_that_act_only(tmp_path: Path) -> None:
    log = Log(tmp_path / "0.jsonl")
    for row in range(3):
        log.add(Verdict(row=row, said="approve"))
    whole = log.path.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for cut in range(last, len(whole)):
        log.path.write_bytes(whole[:cut])
        kept = set(Log(log.path).verdicts())
        # Whole but for the end of its line, it still counts.
        assert kept == ({0, 1, 2} if cut == len(whole) - 1 else {0, 1})
        log.add(Verdict(row=7, said="reject"))
        assert set(log.verdicts()) == kept | {7}
        assert log.undo() is not None
        assert set(log.verdicts()) == kept


def test_many_judge_at_the_same_time_and_nothing_is_lost(workspace: Workspace, mine: Dataset) -> None:
    reviewing.begin(HOME, workspace, mine)

    def judges(name: str, first: int) -> None:
        review = reviewing.join(HOME, workspace, mine, name)[0]
        for row in range(first, ROWS, 2):
            review.judge(name, row, "approve")

    # Two windows of each.
    threads = [
        threading.Thread(target=judges, args=(name, first)) for name in ("Ana", "Ion", "Eva") for first in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    review = reviewing.require(HOME, workspace, mine)
    assert sorted(review.reviewers) == ["Ana", "Eva", "Ion"]
    assert {name: len(said) for name, said in review.all().items()} == {"Ana": ROWS, "Eva": ROWS, "Ion": ROWS}


def test_nobody_else_sees_a_review(workspace: Workspace, mine: Dataset, review: Review) -> None:
    other = Person("somebody-else")
    for act in (reviewing.of, reviewing.begin, reviewing.forget):
        with pytest.raises(AccessError):
            act(other, workspace, mine)
    shipped = datasets.find(HOME, workspace, "starter-ro")
    reviewing.begin(HOME, workspace, shipped)
    assert reviewing.of(other, workspace, shipped) is None


def test_a_review_ends_with_its_data_set_or_when_it_is_forgotten(workspace: Workspace, mine: Dataset) -> None:
    reviewing.begin(HOME, workspace, mine)
    reviewing.join(HOME, workspace, mine, "Ana")[0].judge("Ana", 0, "approve")
    reviewing.forget(HOME, workspace, mine)
    assert reviewing.of(HOME, workspace, mine) is None
    reviewing.begin(HOME, workspace, mine)
    assert reviewing.join(HOME, workspace, mine, "Ana")[0].of("Ana") == {}
    datasets.delete(HOME, workspace, mine.id)
    assert not (workspace.reviews / mine.id).exists()


def test_a_sample_is_drawn_by_its_seed_and_only_its_rows_are_judged(workspace: Workspace, mine: Dataset) -> None:
    for wrong in (0, ROWS + 1):
        with pytest.raises(DataError, match=f"from 1 to {ROWS}"):
            reviewing.begin(HOME, workspace, mine, sample=wrong)
    drawn = []
    for seed in (1, 1, 2):
        drawn.append(tuple(reviewing.begin(HOME, workspace, mine, sample=12, seed=seed).rows))
        reviewing.forget(HOME, workspace, mine)
    assert drawn[0] == drawn[1] != drawn[2]
    assert list(drawn[0]) == sorted(set(drawn[0]))
    review = reviewing.begin(HOME, workspace, mine, sample=12, seed=1)
    assert reviewing.begin(HOME, workspace, mine, sample=5).rows == review.rows
    left = next(row for row in range(ROWS) if row not in drawn[0])
    with pytest.raises(DataError):
        reviewing.row(review, workspace, left)


# Agreement


def said(approved: int, rejected: int) -> list[str]:
    return ["approve"] * approved + ["reject"] * rejected


@pytest.mark.parametrize(
    ("first", "second", "kappa"),
    [
        # 50 grant applications: yes-yes 20, yes-no 5, no-yes 10, no-no 15.
        (said(25, 25), [*said(20, 5), *said(10, 15)], 0.4),
        # 45, 15, 25, 15 and 25, 35, 5, 35: equal shares of agreement, different kappas.
        (said(60, 40), [*said(45, 15), *said(25, 15)], 0.1304),
        (said(60, 40), [*said(25, 35), *said(5, 35)], 0.2593),
        # J. Cohen, 1960, table 1: three verdicts on 200 cases.
        (
            ["a"] * 100 + ["b"] * 60 + ["c"] * 40,
            [*["a"] * 88, *["b"] * 10, *["c"] * 2, *["a"] * 14, *["b"] * 40, *["c"] * 6, *["a"] * 18, *["b"] * 10]
            + ["c"] * 12,
            0.4915,
        ),
        (said(5, 5), said(5, 5), 1.0),
        (said(5, 5), [*said(0, 5), *said(5, 0)], -1.0),
        (said(10, 0), said(0, 10), 0.0),
        (said(10, 0), said(10, 0), None),
        ([], [], None),
    ],
)
def test_kappa_is_what_others_have_computed(first: list[str], second: list[str], kappa: float | None) -> None:
    found = agreement.kappa(first, second)
    assert found == (None if kappa is None else pytest.approx(kappa, abs=5e-5))
    assert agreement.kappa(second, first) == found


def test_agreement_counts_the_rows_that_both_judged(review: Review) -> None:
    for row in range(8):
        review.judge("Ana", row, "approve" if row < 4 else "reject")
    for row in range(2, 10):
        review.judge("Ion", row, "approve" if row < 5 else "reject")
    (found,) = agreement.pairs(review.all())
    assert (found.first, found.second, found.both, found.same) == ("Ana", "Ion", 6, 5)
    assert found.kappa == pytest.approx(2 / 3)
    assert agreement.strength(2 / 3) == "substantial"
    assert [agreement.strength(one) for one in (-0.2, 0.0, 0.2, 0.21, 1.0)] == [
        "none", "none", "slight", "fair", "almost_perfect",
    ]  # fmt: skip


# What goes on


def test_a_row_goes_on_when_all_who_judged_it_said_the_same(review: Review, workspace: Workspace) -> None:
    right, other = corrected(review, workspace, 3, "Patru."), corrected(review, workspace, 4, "Cinci.")
    review.judge("Ana", 0, "approve")
    for name in review.reviewers:
        review.judge(name, 1, "approve")
        review.judge(name, 2, "reject")
        review.judge(name, 3, "edit", right)
    review.judge("Ana", 4, "approve")
    review.judge("Ion", 4, "edit", other)
    review.judge("Ana", 5, "edit", corrected(review, workspace, 5, "6"))
    review.judge("Ion", 5, "edit", corrected(review, workspace, 5, "șase"))
    found = standing.standings(review)
    states = [found[row].state for row in range(6)]
    assert states == ["approved", "approved", "rejected", "edited", "disagreement", "disagreement"]
    assert (found[0].by, found[1].by, found[3].edited) == (("Ana",), ("Ana", "Ion"), right)
    assert walking.seek(review, OWNER, "disagreement", 0) == 4
    review.judge(OWNER, 4, "edit", other)
    assert (standing.standings(review)[4].state, standing.standings(review)[4].settled) == ("edited", True)
    review.undo(OWNER)
    assert standing.standings(review)[4].state == "disagreement"
    assert standing.outcome(review) == standing.Progress(ROWS, 6, 2, 1, 1, 2)


def test_one_walks_to_what_is_still_to_be_judged(review: Review) -> None:
    for row in (0, 1, 5):
        review.judge("Ana", row, "reject")
    seek = walking.seek
    assert [seek(review, "Ana", "unseen", at) for at in (0, 2, 5, ROWS)] == [2, 2, 6, 2]
    assert [seek(review, "Ana", "all", at, 1) for at in (0, ROWS - 1)] == [1, None]
    assert [seek(review, "Ana", "all", at, -1) for at in (1, 0)] == [0, None]
    assert [seek(review, "Ana", "rejected", 1, way) for way in (1, -1, 0)] == [5, 0, 1]
    for row in range(ROWS):
        review.judge("Ana", row, "approve")
    assert seek(review, "Ana", "unseen", 0) is None


def test_an_edit_is_checked_field_by_field() -> None:
    pair = {"prompt": [{"role": "user", "content": "Ce?"}], "chosen": "Da.", "rejected": "Nu."}
    assert editing.edited(pair, {"chosen": "Ba da.", "prompt.0.content": "Ce e?", "stranger": "x"}) == {
        "prompt": [{"role": "user", "content": "Ce e?"}], "chosen": "Ba da.", "rejected": "Nu.",
    }  # fmt: skip
    exam = {"question": "Câte?", "options": ["una", "două"], "answers": [1], "part": "train"}
    assert editing.edited(exam, {"answers": "2, 1", "options.1": "trei"}) == exam | {
        "options": ["una", "trei"], "answers": [1, 2],
    }  # fmt: skip
    wrong = [
        (pair, {"chosen": "  "}, "chosen"),
        (pair, {"chosen": "Nu."}, "chosen"),
        (exam, {"answers": "3"}, "answers"),
        (exam, {"answers": "a"}, "answers"),
        ({"first": "a", "second": "b", "score": 1.5}, {"score": "mult"}, "score"),
    ]
    for row, values, field in wrong:
        with pytest.raises(DataError) as refused:
            editing.edited(row, values)
        assert refused.value.values["field"] == field
    assert editing.edited({"first": "a", "second": "b", "score": 1.5}, {"score": "2,25"})["score"] == 2.25
    assert editing.edited({"text": "a", "label": "x"}, {"label": "x ,y,"})["label"] == "x, y"
    shown = [{"type": "image", "image": "pictures/a.png"}, {"type": "text", "text": "Ce e?"}]
    visual = {"messages": [{"role": "user", "content": shown}, {"role": "assistant", "content": "Un om."}]}
    assert editing.edited(visual, {"messages.0.content.1.text": "Cine e?"})["messages"][0]["content"] == [
        shown[0], {"type": "text", "text": "Cine e?"},
    ]  # fmt: skip
    given = {"role": "user", "content": "Tradu.\n\nMăr", "input": "Măr"}
    chat = {"messages": [given, {"role": "assistant", "content": "Apple"}]}
    assert editing.edited(chat, {"messages.0.content": "Spune.\n\nMăr"})["messages"][0]["input"] == "Măr"
    assert "input" not in editing.edited(chat, {"messages.0.content": "Tradu: măr"})["messages"][0]
    for row in (pair, exam, visual, chat):
        assert editing.edited(row, {one.name: one.value for one in editing.fields(row)}) == row


# The version


def made(workspace: Workspace, dataset: Dataset) -> Dataset:
    """By the job, here and now."""
    job = submit.make(HOME, Jobs(Ledger.of(workspace), workspace), dataset)
    folder = RunFolder(workspace.run(job.id))
    context = JobContext(folder=folder, request={"review": folder.read(folder.request)["review"]})
    assert run.run(context) == ExitCode.DONE
    assert run.run(context) == ExitCode.DONE  # again, as after a kill at the very end: no second version
    (found,) = (one for one in datasets.every_version(HOME, workspace) if one.parent == dataset.id)
    return found


def judged(review: Review, workspace: Workspace) -> None:
    """0 to 19 approved by both, 20 corrected by Ana, 21 disputed, 22 disputed and settled, 23 rejected."""
    for row in range(20):
        for name in review.reviewers:
            review.judge(name, row, "approve")
    review.judge("Ana", 20, "edit", corrected(review, workspace, 20, "Douăzeci și unu."))
    for row in (21, 22):
        review.judge("Ana", row, "approve")
        review.judge("Ion", row, "reject", note="nu e clar")
    review.judge(OWNER, 22, "approve")
    review.judge("Ana", 23, "reject")


def test_only_what_was_let_through_goes_on_with_where_it_comes_from(
    workspace: Workspace, mine: Dataset, review: Review
) -> None:
    judged(review, workspace)
    second = made(workspace, mine)
    found = list(rows.read(second.path))
    assert [row["review_row"] for row in found] == [*range(1, 22), 23]
    assert {len(row) for row in found} == {6}
    assert found[0]["messages"][1]["content"] == "1."
    assert found[20]["messages"][1]["content"] == "Douăzeci și unu."
    verdicts = [(row["review_verdict"], row["review_by"], row["review_settled"]) for row in found]
    assert verdicts[:20] == [("approved", ["Ana", "Ion"], False)] * 20
    assert verdicts[20:] == [("edited", ["Ana"], False), ("approved", ["Ana", "Ion"], True)]
    assert all(row["review_at"].endswith("+00:00") for row in found)
    assert (second.version, second.shape, second.rows) == (2, "chat", 22)
    told = second.steps[-1].settings
    assert {name: told[name] for name in ("reviewers", "rows", "judged", "approved", "edited", "rejected")} == {
        "reviewers": 2, "rows": 30, "judged": 24, "approved": 21, "edited": 1, "rejected": 1,
    }  # fmt: skip
    assert (told["disagreement"], told["judged_twice"], told["said_the_same"], told["kappa"]) == (1, 22, 20, [0.0])
    assert not {"Ana", "Ion"} & set(card.written(second).replace("`", " ").split())
    assert datasets.find(HOME, workspace, mine.id).rows == ROWS


def test_later_steps_keep_by_whom_a_row_was_let_through(workspace: Workspace, mine: Dataset) -> None:
    said = standing.Standing("approved", ("Ana",), 1e9)
    judged = [{"text": f"Textul {n} e bun.", "label": "bun" if n % 2 else "rău"} | said.columns(n) for n in range(12)]
    labelled = derive(HOME, workspace, mine, Step(name="filter"), judged, "label")
    find = partial(datasets.find, HOME, workspace)
    steps = [{"step": "split"}, {"step": "filter", "contains": "Textul"}, {"step": "as_chat", "language": "ro"}]
    found = list(making.made(plan.checked({"steps": steps}), labelled, find, lambda count: None))
    assert sorted(row[columns.ROW] for row in found) == list(range(1, 13))
    assert all(row[columns.BY] == ["Ana"] and set(columns.COLUMNS) < set(row) and "messages" in row for row in found)


def test_a_version_of_nothing_is_refused_before_there_is_a_job(
    workspace: Workspace, mine: Dataset, review: Review
) -> None:
    jobs = Jobs(Ledger.of(workspace), workspace)
    with pytest.raises(DataError, match="No row was approved"):
        submit.make(HOME, jobs, mine)
    review.judge("Ana", 0, "approve")
    with pytest.raises(DataError) as refused:
        submit.make(HOME, jobs, mine)
    assert refused.value.key == "data.too_few"
    assert jobs.all(HOME) == []


def test_rows_that_were_changed_behind_the_studios_back_are_not_reviewed(workspace: Workspace, mine: Dataset) -> None:
    mine.path.write_text(mine.path.read_text("utf-8").replace("1.", "9."), encoding="utf-8")
    with pytest.raises(DataError, match="was changed"):
        reviewing.begin(HOME, workspace, mine)


def test_the_command_tells_progress_and_agreement(
    workspace: Workspace, mine: Dataset, review: Review, capsys: pytest.CaptureFixture[str]
) -> None:
    judged(review, workspace)
    asked = ["data", "review", "Sume", "--workspace", str(workspace.root)]
    assert cli.main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["rows"], told["judged"], told["approved"], told["disagreement"]) == (30, 24, 21, 1)
    assert [(one["name"], one["judged"]) for one in told["reviewers"]] == [("Ana", 24), ("Ion", 22)]
    assert told["agreement"] == [{"first": "Ana", "second": "Ion", "both": 22, "same": 20, "kappa": 0.0}]
    assert cli.main(asked) == 0
    assert "Ana and Ion: the same verdict on 20 of 22 rows, kappa 0.00" in capsys.readouterr().out
    assert cli.main(["data", "review", "starter-ro", "--workspace", str(workspace.root)]) != 0
    assert "Nobody has begun" in "".join(capsys.readouterr())
