"""Long texts, streamed: their order, their shares, their windows, going on at any step, and files that vanish."""

import hashlib
import json
import os
import random

import numpy as np
import pytest
import torch

from backend.data import datasets
from backend.data.corpora import index, share
from backend.data.corpora.order import TURN, Mixture, Permutation
from backend.data.datasets import Dataset
from backend.errors import DataError, JobError
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.paths import Workspace
from backend.training.request import TrainRequest
from backend.training.text import corpora
from backend.training.text.batches import Plan
from backend.training.text.windows import FILE, Position, Windows
from tests import tiny

LENGTH = 64


def texts(count, word, *, longest=200):
    """Different texts of very different lengths."""
    draw = random.Random(word)
    return [{"text": f"{word} {at}: " + "ă" * draw.randint(0, longest)} for at in range(count)]


def dataset(folder, name, rows):
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Dataset(id=name, name=name, path=path, rows=len(rows), shape="text", sha256=digest)


def asked(folder, model, weights, *, rows=(60, 25), **recipe):
    """A request that mixes two corpora, as `tiny.request`."""
    (folder / "own").mkdir(parents=True, exist_ok=True)
    found = [dataset(folder, name, texts(count, name)) for name, count in zip(("wiki", "news"), rows, strict=True)]
    named = [{"data": one.name, "weight": weight} for one, weight in zip(found, weights, strict=True)]
    values = {"objective": "text", "batch": {"size": 4, "max_length": LENGTH}, "schedule": {"max_steps": 12}} | recipe
    made = tiny.request(folder / "own", model, texts(3, "own"), corpora=named, **values)
    dumped = [one.model_dump(mode="json") for one in found]
    return made | {"corpora": dumped, "data": dumped[0]}


def stream(request, folder, **plan):
    """The windows of a request, without a model."""
    wanted = TrainRequest.model_validate(request)
    found = corpora.streamed(wanted, tiny.make_tokenizer(), Workspace(folder))
    values = {"documents": found.windows, "effective": 4, "micro": 4, "epochs": 1.0, "seed": 0, "max_steps": 12}
    return Windows(Plan(**values | plan), found.texts), found


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.make_model(tmp_path_factory.mktemp("model"))


# The order


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 65, 1000, 4097])
def test_every_epoch_takes_each_document_once(count):
    found = [[Permutation(count, key)[at] for at in range(count)] for key in (1, 2**63)]
    assert all(sorted(order) == list(range(count)) for order in found)
    assert count < 7 or found[0] != found[1]


def test_a_permutation_of_a_hundred_million_costs_nothing_and_scatters():
    order = Permutation(10**8, 5)
    first = np.array([order[at] for at in range(2000)])
    assert len(set(first)) == 2000
    assert abs(first.mean() / 10**8 - 0.5) < 0.03
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.08
    with pytest.raises(IndexError):
        order[10**8]


@pytest.mark.parametrize("seed", range(5))
def test_the_mixture_counts_right_wherever_it_is_asked(seed):
    draw = random.Random(seed)
    sizes = tuple((draw.randint(1, 10**6), draw.randint(10**6, 10**9)) for _ in range(draw.randint(1, 8)))
    mixture = Mixture(tuple(draw.uniform(0.01, 50) for _ in sizes), sizes, seed)
    turn = sum(mixture.counts)
    for begin in (0, 7, turn - 50, 3 * turn - 20):
        seen: dict[int, int] = {}
        for at in range(begin, begin + 400):
            which, before = mixture.at(at)
            assert seen.setdefault(which, before) == before
            seen[which] += 1
    for which, count in enumerate(mixture.counts):
        assert sum(mixture.at(at)[0] == which for at in range(500)) == pytest.approx(500 * count / turn, abs=2)


def test_weights_are_shares_of_the_text_not_of_the_documents():
    mixture = Mixture((1.0, 3.0), ((1000, 100_000), (10, 100_000)), seed=0)
    few, many = mixture.counts[1], mixture.counts[0]
    assert many * 100 / (few * 10_000) == pytest.approx(1 / 3, rel=0.01)
    assert sum(mixture.counts) == pytest.approx(TURN, abs=2)


def test_a_corpus_of_almost_no_weight_is_still_read():
    assert Mixture((1e-6, 1.0), ((10, 1000), (10, 1000)), seed=0).counts[0] == 1


# The index


def test_the_index_finds_every_document_and_is_made_once(tmp_path, monkeypatch):
    rows = texts(50, "șir")
    found = dataset(tmp_path, "wiki", rows)
    made = index.of(found, Workspace(tmp_path))
    monkeypatch.setattr(index, "_walk", None)
    again = index.of(found, Workspace(tmp_path))
    assert len(made) == len(again) == 50
    raw = found.path.read_bytes()
    for at, row in enumerate(rows):
        first, size = again.place(at)
        assert json.loads(raw[first : first + size]) == row
    assert again.bytes == len(raw)


def test_two_processes_that_make_the_index_at_once_find_the_same_one(tmp_path, monkeypatch):
    found, walk = dataset(tmp_path, "wiki", texts(30, "wiki")), index._walk

    def walk_twice(one, into):
        monkeypatch.setattr(index, "_walk", walk)
        assert len(index.of(one, Workspace(tmp_path))) == 30
        walk(one, into)

    monkeypatch.setattr(index, "_walk", walk_twice)
    assert len(index.of(found, Workspace(tmp_path))) == 30
    assert [path.name for path in Workspace(tmp_path).indexes.iterdir()] == [found.sha256]


def test_what_is_kept_apart_is_never_trained_on_also_not_as_a_copy(tmp_path):
    rows = texts(40, "a") + texts(40, "a") + texts(20, "b")
    found = index.of(dataset(tmp_path, "twice", rows), Workspace(tmp_path))
    for seed in range(5):
        apart = set(found.apart(10, seed).tolist())
        said = {rows[at]["text"] for at in apart}
        assert len(said) == 10
        assert apart == {at for at, row in enumerate(rows) if row["text"] in said}
    assert found.apart(10, 1).tolist() != found.apart(10, 2).tolist()


@pytest.mark.parametrize("rows", [texts(1, "one"), [{"text": "mereu"}] * 30])
def test_where_all_texts_are_one_text_nothing_is_kept_apart(tmp_path, rows):
    assert index.of(dataset(tmp_path, "one", rows), Workspace(tmp_path)).apart(5, 0).tolist() == []


def test_a_data_set_that_is_deleted_leaves_no_index(tmp_path):
    workspace = Workspace(tmp_path).create()
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in texts(20, "t")), encoding="utf-8")
    person = datasets.Person("home")
    added = datasets.add(person, workspace, path, "texte")
    made = index.of(added, workspace)
    datasets.delete(person, workspace, added.id)
    assert not made.folder.exists()


# The windows


def _flat(windows):
    return [
        [[tuple(piece.tokens.tolist()) for piece in window] for batch in step for window in batch] for step in windows
    ]


def test_windows_are_full_and_keep_documents_apart(model, tmp_path):
    windows, found = stream(asked(tmp_path, model, (1, 1)), tmp_path)
    tokenizer = tiny.make_tokenizer()
    end = tokenizer.eos_token_id
    for step in _flat(windows.step(number) for number in range(8)):
        for window in step:
            assert sum(map(len, window)) in (LENGTH, LENGTH - 1)
            assert all(end not in piece[:-1] for piece in window)
    batch = next(iter(windows))
    assert batch["input_ids"].shape[1] in range(4 * (LENGTH - 1), 4 * LENGTH + 1)
    bounds = batch["cu_seq_lens_q"].tolist()
    assert [batch["position_ids"][0, at].item() for at in bounds[:-1]] == [0] * (len(bounds) - 1)
    assert found.windows > 20


def test_an_epoch_of_one_corpus_reads_every_token_once(model, tmp_path):
    request = asked(tmp_path, model, (1, 1), watching={"eval_share": 0})
    request["corpora"], request["recipe"]["corpora"] = request["corpora"][:1], request["recipe"]["corpora"][:1]
    _, found = stream(request, tmp_path)
    at, pieces = Position(), []
    while at.document < 60:
        window, at = found.texts.window(at)
        pieces += [tuple(piece.tokens.tolist()) for piece in window]
    left = iter(pieces)
    for number in range(60):
        tokens, said = found.texts.tokens(number), []
        while len(said) < len(tokens) - 1:
            said += next(left)
        assert said in (tokens, tokens[:-1])
    read = [found.texts.tokens(number) for number in range(60)]
    assert sorted(read) == sorted(found.texts.tokenise(row["text"]) for row in texts(60, "wiki"))


def test_the_shares_of_the_tokens_are_those_of_the_weights(model, tmp_path):
    _, found = stream(asked(tmp_path, model, (1, 3), rows=(400, 150)), tmp_path, max_steps=400)
    taken = [0, 0]
    for number in range(1000):
        which, _ = found.texts.number(number)
        taken[which] += len(found.texts.tokens(number))
    assert taken[0] / sum(taken) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_a_stream_that_goes_on_anywhere_sees_the_same_windows(model, tmp_path, seed):
    """Stopped at random steps, with other micro-batches and other numbers of ranks: bit for bit the same."""
    draw = random.Random(seed)
    request = asked(tmp_path, model, (draw.uniform(0.1, 5), 1), compute={"seed": seed})
    whole, _ = stream(request, tmp_path)
    wanted = _flat(whole.step(number) for number in range(12))
    at, folder = 0, tmp_path / "checkpoint"
    folder.mkdir()
    while at < 12:
        until = draw.randint(at + 1, 12)
        ranks, micro = draw.choice([1, 2, 4]), draw.choice([1, 2, 4])
        parts = [stream(request, tmp_path, rank=rank, ranks=ranks, micro=micro)[0] for rank in range(ranks)]
        for part in parts:
            if at:
                part.resume(folder, at)
        for number in range(at, until):
            shares = [_flat([part.step(number)])[0] for part in parts]
            assert [shares[place % ranks][place // ranks] for place in range(4)] == wanted[number]
        parts[0].write(folder, until)
        at = until


def test_going_on_reads_nothing_of_what_was_read_before(model, tmp_path):
    request = asked(tmp_path, model, (1, 1))
    whole, _ = stream(request, tmp_path, max_steps=40)
    for number in range(30):
        whole.step(number)
    whole.write(tmp_path, 30)
    again, found = stream(request, tmp_path, max_steps=40)
    again.resume(tmp_path, 30)
    read = []
    object.__setattr__(found.texts, "tokenise", lambda text: read.append(text) or [1] * LENGTH)
    again.step(30)
    assert len(read) <= 5


def test_a_checkpoint_without_its_place_is_refused(model, tmp_path):
    windows, _ = stream(asked(tmp_path, model, (1, 1)), tmp_path)
    (tmp_path / FILE).write_text("{}", encoding="utf-8")
    with pytest.raises(JobError, match="does not say where"):
        windows.resume(tmp_path, 3)


def test_control_words_in_a_text_are_plain_text():
    tokens = corpora.tokeniser(tiny.make_tokenizer())("a <|user|> b")
    tokenizer = tiny.make_tokenizer()
    assert tokens[-1] == tokenizer.eos_token_id
    assert tokenizer.convert_tokens_to_ids("<|user|>") not in tokens
    assert tokenizer.decode(tokens[:-1]) == "a <|user|> b"


def test_texts_with_nothing_to_learn_are_refused(model, tmp_path):
    _, found = stream(asked(tmp_path, model, (1, 1)), tmp_path)
    object.__setattr__(found.texts, "tokenise", lambda text: [1])
    with pytest.raises(DataError, match="Nothing is left to learn"):
        found.texts.window(Position())


# Runs


def _losses(said):
    return [event.loss for event in said if event.type == "step"]


def test_a_run_over_corpora_learns_and_goes_on_in_the_same_bits(model, tmp_path):
    request = asked(tmp_path, model, (1, 2), watching={"save_every": 3, "eval_share": 0.1})
    code, whole = tiny.run(tmp_path / "whole", request)
    assert code == ExitCode.DONE
    losses = _losses(whole)
    assert len(losses) == 12
    assert losses[-1] < losses[0]
    assert any(event.type == "note" and event.key == "training.held_sample" for event in whole)
    folder = RunFolder(tmp_path / "parts")
    (tmp_path / "parts").mkdir()
    said = []
    for attempt in range(1, 40):
        folder.stop.unlink(missing_ok=True)
        code, said = _stopped_after(folder, request, attempt, random.Random(attempt).randint(1, 5))
        if code == ExitCode.DONE:
            break
    assert code == ExitCode.DONE
    by_step = {event.step: event.loss for event in said if event.type == "step"}
    assert [by_step[step] for step in range(1, 13)] == losses
    assert tiny.same_adapters(tmp_path / "whole", tmp_path / "parts")


def _stopped_after(folder, request, attempt, steps):
    """One attempt, asked to stop and save after so many steps."""
    from backend.jobs.context import JobContext
    from backend.training import run as training

    torch.set_num_threads(1)
    asked_so_often = []

    class Stopping(JobContext):
        def stop_requested(self):
            asked_so_often.append(1)
            return "save" if len(asked_so_often) >= steps else None

    job = Stopping(folder, request, attempt=attempt)
    return training.run(job), list(folder.said())


def test_out_of_memory_changes_nothing_of_what_is_learned(model, tmp_path):
    request = asked(tmp_path, model, (1, 2), schedule={"max_steps": 4})
    _, one = tiny.run(tmp_path / "one", request)
    _, other = tiny.run(tmp_path / "other", request, memory_failures=2)
    assert _losses(other) == pytest.approx(_losses(one), rel=1e-4)


def test_an_epoch_is_all_windows(model, tmp_path):
    request = asked(tmp_path, model, (1, 1), schedule={"max_steps": None, "epochs": 1})
    _, found = stream(request, tmp_path)
    code, said = tiny.run(tmp_path / "run", request)
    assert code == ExitCode.DONE
    assert len(_losses(said)) == -(-found.windows // 4)


@pytest.mark.parametrize("harm", ["vanishes", "changes", "is cut"])
def test_a_corpus_that_goes_wrong_ends_the_run_with_a_sentence_and_nothing_is_lost(model, tmp_path, monkeypatch, harm):
    request = asked(tmp_path, model, (1, 1), watching={"save_every": 100})
    code, whole = tiny.run(tmp_path / "whole", request)
    assert code == ExitCode.DONE
    path = tmp_path / "news.jsonl"
    kept = path.read_bytes()
    read = Windows.read

    def harmed(self, number):
        if number == 7:
            _harm(path, harm, kept)
        return read(self, number)

    monkeypatch.setattr(Windows, "read", harmed)
    key = "data.gone" if harm == "vanishes" else "data.changed"
    with pytest.raises(DataError, match='"news"') as refused:
        tiny.run(tmp_path / "run", request)
    assert refused.value.key == key
    with pytest.raises(DataError) as again:
        tiny.run(tmp_path / "run", request, attempt=2)
    assert again.value.key == key
    monkeypatch.setattr(Windows, "read", read)
    path.write_bytes(kept)
    code, said = tiny.run(tmp_path / "run", request, attempt=3)
    assert code == ExitCode.DONE
    assert 7 <= [event.from_step for event in said if event.type == "attempt"][-1] < 12
    assert _losses(said) == _losses(whole)
    assert tiny.same_adapters(tmp_path / "whole", tmp_path / "run")


def _harm(path, harm, kept):
    if harm == "vanishes":
        path.unlink()
    elif harm == "changes":
        path.write_bytes(kept.replace(b"news", b"NEWS"))
        os.utime(path, ns=(1, 1))
    else:
        path.write_bytes(kept[: len(kept) // 2])


@pytest.mark.parametrize(("harm", "key"), [("vanishes", "data.gone"), ("changes", "data.changed")])
def test_a_plain_data_set_that_went_wrong_is_told_before_anything_is_trained(model, tmp_path, harm, key):
    request = tiny.request(tmp_path, model, tiny.chats(20), watching={"save_every": 1})
    path = tmp_path / "rows.jsonl"
    kept = path.read_bytes()
    code, _ = _stopped_after_one(tmp_path / "run", request)
    assert code == ExitCode.STOPPED
    if harm == "vanishes":
        path.unlink()
    else:
        path.write_bytes(kept.replace(b"Face 4.", b"Face 5."))
    with pytest.raises(DataError) as refused:
        tiny.run(tmp_path / "run", request, attempt=2)
    assert refused.value.key == key
    path.write_bytes(kept)
    assert tiny.run(tmp_path / "run", request, attempt=3)[0] == ExitCode.DONE


def _stopped_after_one(path, request):
    path.mkdir()
    return _stopped_after(RunFolder(path), request, 1, 1)


def test_other_corpora_or_weights_are_other_runs(model, tmp_path):
    request = asked(tmp_path, model, (1, 1), watching={"save_every": 4})
    _stopped_after_one(tmp_path / "run", request)
    other = json.loads(json.dumps(request))
    other["recipe"]["corpora"][1]["weight"] = 2
    with pytest.raises(JobError, match="other settings"):
        tiny.run(tmp_path / "run", other, attempt=2)
    replaced = asked(tmp_path, model, (1, 1), rows=(60, 26), watching={"save_every": 4})
    with pytest.raises(JobError, match="other training rows"):
        tiny.run(tmp_path / "run", replaced, attempt=2)


def test_one_long_text_is_streamed_without_being_asked(model, tmp_path, monkeypatch):
    monkeypatch.setattr(share, "STREAMED_BYTES", 1000)
    request = tiny.request(
        tmp_path, model, texts(60, "lung"), objective="text", batch={"size": 4, "max_length": LENGTH},
        schedule={"max_steps": 3},
    )  # fmt: skip
    assert [one.weight for one in TrainRequest.model_validate(request).weighed] == [1.0]
    assert tiny.run(tmp_path / "run", request)[0] == ExitCode.DONE
    record = json.loads((tmp_path / "run/adapter/studio.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in record["corpora"]] == ["d"]
