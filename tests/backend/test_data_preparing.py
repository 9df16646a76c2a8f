"""Preparing a data set: each step does what it says, and the same every time; a plan is read, refused and recorded."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from backend.cli import __main__ as cli
from backend.data import datasets, reading, rows
from backend.data.datasets import Dataset
from backend.data.opening.opened import Record
from backend.data.preparing import making, plan
from backend.data.preparing.cleaning import faults
from backend.data.preparing.mixing import amounts
from backend.data.preparing.plan import Clean, Plan
from backend.data.rows import Row
from backend.data.split import Sizes, sizes, split
from backend.errors import DataError
from backend.paths import Workspace
from backend.people import HOME

SENTENCE = "Pădurea de lângă sat este mare și în ea trăiesc multe animale pe care copiii le văd din când în când."
ITALIAN = "Il bosco vicino al paese è grande e nei suoi sentieri vivono molti animali che i bambini vedono ogni tanto."


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace").create()


def added(workspace: Workspace, name: str, found: Iterable[Row]) -> Dataset:
    every = list(found)
    records = [Record(str(at), row, None) for at, row in enumerate(every, start=1)]

    def write(target: BinaryIO) -> reading.Findings:
        return reading.write(iter(records), target, lambda record, _: ((rows.shape(record.values), record.values),))

    return datasets.keep(workspace, workspace.root / f".{name}", write, {"name": name, "owner": HOME.id})


def chat(asked: str, answer: str = "Da.") -> Row:
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]}


def prepared(dataset: Dataset, *steps: dict[str, Any], workspace: Workspace | None = None) -> list[Row]:
    wanted = plan.checked({"steps": steps})

    def find(ref: str) -> Dataset:
        assert workspace is not None
        return datasets.find(HOME, workspace, ref)

    making.require(wanted, dataset, find)
    return list(making.made(wanted, dataset, find))


def labelled(count: int) -> list[Row]:
    """A rare label among a common one; every text is there twice."""
    return [{"text": f"Textul {at // 2}", "label": "rar" if at % 20 < 2 else "des"} for at in range(count)]


@pytest.fixture
def labels(workspace: Workspace) -> Dataset:
    return added(workspace, "labels", labelled(400))


def test_every_label_has_its_share_in_every_part_and_the_same_text_is_in_one_part_only(labels: Dataset) -> None:
    found = prepared(labels, {"step": "split", "dev": 0.1, "test": 0.2})
    assert [{**row, "part": None} for row in found] == [{**row, "part": None} for row in rows.read(labels.path)]
    by_label = Counter((row["label"], row["part"]) for row in found)
    assert by_label == {
        ("rar", "train"): 28, ("rar", "dev"): 4, ("rar", "test"): 8,
        ("des", "train"): 252, ("des", "dev"): 36, ("des", "test"): 72,
    }  # fmt: skip
    assert len({(row["text"], row["part"]) for row in found}) == len({row["text"] for row in found})


def test_a_split_is_the_same_for_the_same_seed_and_another_for_another(labels: Dataset) -> None:
    first, again, other = (prepared(labels, {"step": "split", "seed": seed}) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_rows_with_the_same_value_in_a_column_stay_together(workspace: Workspace) -> None:
    data = added(workspace, "labels", ({**row, "author": f"A{at % 40}"} for at, row in enumerate(labelled(400))))
    found = prepared(data, {"step": "split", "group": "author", "by": "nothing"})
    assert Counter(part for _, part in {(row["author"], row["part"]) for row in found}) == {
        "train": 32, "dev": 4, "test": 4,
    }  # fmt: skip
    with pytest.raises(DataError, match="nothing_here"):
        prepared(data, {"step": "split", "group": "nothing_here"})


def test_a_run_learns_train_measures_dev_and_leaves_test_alone(labels: Dataset) -> None:
    found = prepared(labels, {"step": "split", "dev": 0.1, "test": 0.2})
    learned, held = split(found, 0.05, seed=7)
    assert {row["part"] for row in learned} == {"train"}
    assert {row["part"] for row in held} == {"dev"}
    assert (len(learned), len(held)) == (280, 40)
    assert sizes(found, 0.05, seed=7) == Sizes(apart=40, unused=80)
    assert split(found, 0.0)[1] == []
    assert sizes(found, 0.0) == Sizes(apart=0, unused=120)


def test_texts_that_were_split_are_not_read_as_a_whole_corpus(workspace: Workspace) -> None:
    text = added(workspace, "texts", ({"text": f"{SENTENCE} {at}"} for at in range(20)))

    def after(*steps: dict[str, Any]) -> Dataset:
        return text.model_copy(update={"steps": (datasets.Step(name="prepare", settings={"steps": list(steps)}),)})

    plan.refuse_parts(text)
    plan.refuse_parts(after({"step": "split"}, {"step": "filter", "parts": ["train"]}))
    with pytest.raises(DataError, match="train, dev and test"):
        plan.refuse_parts(after({"step": "split"}))


@pytest.mark.parametrize(
    ("counts", "weights", "total", "taken"),
    [
        ([100, 100], [1, 1], None, [100, 100]),
        ([100, 1000], [1, 1], None, [100, 100]),
        ([100, 1000], [1, 3], None, [100, 300]),
        ([100, 30], [0.3, 1.5], None, [6, 30]),
        ([100, 1000, 50], [1, 1, 2], 40, [10, 10, 20]),
        ([7, 7, 7], [1, 1, 1], 10, [3, 4, 3]),
    ],
)
def test_a_mixture_has_as_many_rows_of_each_as_the_weights_say(
    counts: list[int], weights: list[float], total: int | None, taken: list[int]
) -> None:
    assert amounts(counts, weights, total) == taken


def test_a_mixture_is_spread_evenly_takes_no_row_twice_and_says_where_each_is_from(workspace: Workspace) -> None:
    first = added(workspace, "first", (chat(f"Una {at}?") for at in range(60)))
    added(workspace, "second", (chat(f"Două {at}?") for at in range(400)))
    step = {"step": "mix", "others": [{"data": "second", "weight": 3}], "rows": 120, "seed": 4}
    found = prepared(first, step, workspace=workspace)
    assert Counter(row["origin"] for row in found) == {"first": 30, "second": 90}
    assert len({rows.question(row) for row in found}) == 120
    for end in range(20, 121, 20):
        assert abs(sum(row["origin"] == "first" for row in found[:end]) - end / 4) <= 1
    assert found == prepared(first, step, workspace=workspace)
    assert found != prepared(first, {**step, "seed": 5}, workspace=workspace)
    with pytest.raises(DataError, match="has 60 rows"):
        prepared(first, {**step, "rows": 400}, workspace=workspace)


def test_only_data_sets_of_one_shape_are_mixed(workspace: Workspace, labels: Dataset) -> None:
    first = added(workspace, "first", (chat(f"Una {at}?") for at in range(20)))
    with pytest.raises(DataError, match='"labels" cannot be mixed in'):
        prepared(first, {"step": "mix", "others": [{"data": labels.id}]}, workspace=workspace)


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({"languages": ["ro"]}, {"ro", "short"}),
        ({"languages": ["ro", "it"]}, {"ro", "it", "short"}),
        ({"least_characters": 60}, {"ro", "it"}),
        ({"most_characters": 60}, {"short", "code"}),
        ({"contains": "PĂDUREA"}, {"ro"}),
        ({"without": "bosco"}, {"ro", "short", "code"}),
    ],
)
def test_a_filter_keeps_what_is_all_of_that(workspace: Workspace, settings: dict[str, Any], kept: set[str]) -> None:
    texts = {"ro": SENTENCE, "it": ITALIAN, "short": "Ce este asta și unde este?", "code": "x = 1\ny = x + 2"}
    data = added(workspace, "texts", ({"text": text} for text in [*texts.values(), *[f"z{at}" for at in range(10)]]))
    found = {row["text"] for row in prepared(data, {"step": "filter", **settings})}
    assert {name for name, text in texts.items() if text in found} == kept


def page(*lines: str, times: int = 4) -> str:
    """A page that is long enough, of lines that differ."""
    return "\n".join([*(f"{SENTENCE[:-1]} al {at}-lea an de la începutul poveștii." for at in range(times)), *lines])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (page(), ""),
        ("Prea scurt, dar o propoziție întreagă.", "length"),
        (page("Lorem ipsum dolor sit amet, spune fișa de probă."), "boilerplate"),
        (page("function f() { return 1; } și alte câteva cuvinte."), "boilerplate"),
        ("\n".join([SENTENCE] * 6), "repetition"),
        (" ".join(["mere pere"] * 60), "repetition"),
        (page() + " 12 34 56 78" * 40, "repetition"),
        ("\n".join(f"{ITALIAN[:-1]} e questa è la volta {at}." for at in range(5)), "language"),
    ],
)
def test_a_page_is_left_out_for_one_reason(text: str, fault: str) -> None:
    assert faults(text, Clean(step="clean", language="ro")) == fault


def test_lines_that_are_no_sentences_go_and_the_others_stay_as_they_are(workspace: Workspace) -> None:
    menu = [
        "Acasă | Știri | Contact",
        "Acest site folosește cookie-uri pentru a merge.",
        "fără punct la sfârșit de tot aici",
    ]
    data = added(
        workspace, "pages", ({"text": page(*menu, f"Capitolul {at} se termină aici, spre seară.")} for at in range(12))
    )
    found = [row["text"] for row in prepared(data, {"step": "clean", "language": "ro"})]
    assert len(found) == 12
    assert not any(line in text for line in menu for text in found)
    assert all(line in page().splitlines() or line.startswith("Capitolul") for line in found[0].splitlines())


def test_labels_become_chats_that_keep_their_part(labels: Dataset) -> None:
    found = prepared(labels, {"step": "split"}, {"step": "as_chat", "language": "ro"})
    assert {rows.shape(row) for row in found} == {"chat"}
    assert {row["part"] for row in found} == {"train", "dev", "test"}
    assert found[0]["messages"][-1]["content"] in ("rar", "des")
    assert "rar" in rows.question(found[0])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"steps": []}, "steps"),
        ({"steps": [{"step": "fold"}]}, "steps.0"),
        ({"steps": [{"step": "split", "dev": 0.6, "test": 0.5}]}, "steps.0.split"),
        ({"steps": [{"step": "split", "share": 0.1}]}, "steps.0.split.share"),
        ({"steps": [{"step": "clean", "least_share": 3}]}, "steps.0.clean.least_share"),
        ({"steps": [{"step": "mix", "others": []}]}, "steps.0.mix.others"),
        ([1, 2], "steps"),
        (None, "steps"),
    ],
)
def test_a_setting_that_is_wrong_is_named(values: Any, said: str, tmp_path: Path) -> None:
    file = tmp_path / "steps.yaml"
    file.write_text(json.dumps(values))
    with pytest.raises(DataError, match=f"cannot be used: {said} is"):
        plan.read(file)


def test_a_file_that_is_no_plan_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("steps: [")
    for name, said in (("a.yaml", "not a YAML file"), ("b.yaml", "no file of steps")):
        with pytest.raises(DataError, match=said):
            plan.read(tmp_path / name)


def test_steps_for_other_shapes_are_refused_before_there_is_a_job(labels: Dataset, workspace: Workspace) -> None:
    for dataset, step, said in (
        (labels, {"step": "clean"}, "Only plain texts"),
        (added(workspace, "chats", (chat(f"{at}?") for at in range(12))), {"step": "as_chat"}, "with a label, a score"),
    ):
        with pytest.raises(DataError, match=said):
            prepared(dataset, step)


def test_a_plan_is_written_read_recorded_and_used_for_another_data_set(
    capsys, labels: Dataset, workspace: Workspace, tmp_path: Path
) -> None:
    file = tmp_path / "steps.yaml"
    file.write_text("steps:\n- step: split\n  dev: 0.2\n- {step: as_chat, language: it}\n")
    wanted = plan.read(file)
    assert plan.checked(json.loads(Plan.model_dump_json(wanted))) == wanted
    file.write_text(plan.written(wanted))
    assert plan.read(file) == wanted

    def told(*arguments: str) -> dict[str, Any]:
        code = cli.main(["data", "prepare", *arguments, "--json", "--workspace", str(workspace.root)])
        assert code == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
        return found

    first = told("labels", "--steps", str(file))
    assert {name: first[name] for name in ("rows", "shape", "version", "findings")} == {
        "rows": 400, "shape": "chat", "version": 2, "findings": [],
    }  # fmt: skip
    made = datasets.find(HOME, workspace, first["dataset"])
    assert (made.parent, plan.of(made)) == (labels.id, wanted)
    added(workspace, "more", ({**row, "text": f"Alt {row['text']}"} for row in labelled(40)))
    other = told("more", "--like", "labels")
    assert (other["rows"], other["shape"]) == (40, "chat")
