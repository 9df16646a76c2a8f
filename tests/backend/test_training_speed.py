"""Measuring how fast this machine trains: what is timed are real steps, in full precision and in four bits."""

from collections.abc import Iterator

import pytest
import torch

from backend.training import speed
from backend.training.network.load import quantised
from backend.training.speed import Overhead, Shape, Subject

CPU = torch.device("cpu")
SMALL = Shape(64, 96, 2, [9, 5])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(speed, "PATIENCE_SECONDS", 0.0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_step_trains_the_adapter_and_nothing_else() -> None:
    subject = Subject(SMALL, CPU)
    before = {name: parameter.clone() for name, parameter in subject.model.named_parameters()}
    # The second half of an adapter is 0 at first, so it takes two steps until both halves have moved.
    assert subject.usual([9, 5]) > 0
    moved = {name for name, parameter in subject.model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == {name for name in before if "lora_" in name}


def test_in_four_bits_every_matrix_of_the_layers_is_squeezed_and_still_learns() -> None:
    subject = Subject(SMALL, CPU).quantised()
    assert len(quantised(subject.model)) == 7 * SMALL.layers
    assert subject.per_flop(Overhead(layer=0.0, weight=0.0, number=0.0)) > 0


def test_what_costs_anyway_is_not_counted_as_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Subject(SMALL, CPU)
    monkeypatch.setattr(subject, "usual", lambda lengths: 1.0)
    whole, half = (subject.per_flop(Overhead(layer, 0.0, 0.0)) for layer in (0.0, 0.25))
    assert half == pytest.approx(whole / 2)
