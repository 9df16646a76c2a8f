"""The chunked loss is plain cross-entropy: value and gradients, for every kind of head."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from backend.training.network import loss
from backend.training.network.load import Head

WIDTH, WORDS, POSITIONS = 24, 501, 70


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    """Several chunks, the last one not full."""
    monkeypatch.setattr(loss, "CHUNK_BYTES", 4 * WORDS * 16)


def _head(*, bias: bool = False, trained: bool = True) -> nn.Linear:
    torch.manual_seed(0)
    head = nn.Linear(WIDTH, WORDS, bias=bias)
    return head.requires_grad_(trained)


def _both(head: nn.Linear, hidden: torch.Tensor, targets: torch.Tensor, scale: float = 1.0, cap: float | None = None):
    """(loss, gradients of hidden, weight, bias) by the plain way and by ours."""
    found = []
    for way in (
        lambda states: cross_entropy(
            Head(head, plain=True, scale=scale, cap=cap).bend(head(states)), targets, reduction="sum"
        ),
        lambda states: loss.summed_loss(states, head, targets, scale=scale, cap=cap),
    ):
        states = hidden.clone().requires_grad_()
        head.zero_grad()
        value = way(states) / len(targets)
        value.backward()
        found.append((value.detach(), states.grad, *(parameter.grad for parameter in head.parameters())))
    return found


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("trained", [False, True])
def test_loss_and_gradients_are_those_of_plain_cross_entropy(bias, trained):
    torch.manual_seed(1)
    hidden, targets = torch.randn(POSITIONS, WIDTH) * 3, torch.randint(0, WORDS, (POSITIONS,))
    plain, ours = _both(_head(bias=bias, trained=trained), hidden, targets)
    for wanted, got in zip(plain, ours, strict=True):
        if wanted is None:
            assert got is None
        else:
            torch.testing.assert_close(got, wanted, rtol=1e-6, atol=1e-6 * float(wanted.abs().max()))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("scale", "cap"), [(0.125, None), (1.0, 1.5), (3.0, 2.0)], ids=["scaled", "bent", "both"])
def test_logits_that_are_scaled_or_bent_have_their_own_gradients(bias, scale, cap):
    torch.manual_seed(1)
    hidden, targets = torch.randn(POSITIONS, WIDTH) * 3, torch.randint(0, WORDS, (POSITIONS,))
    plain, ours = _both(_head(bias=bias), hidden, targets, scale, cap)
    for wanted, got in zip(plain, ours, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-6 * float(wanted.abs().max()))


def test_a_head_tied_to_the_embedding_gets_the_gradients_of_both_uses():
    torch.manual_seed(2)
    words, targets = torch.randint(0, WORDS, (POSITIONS,)), torch.randint(0, WORDS, (POSITIONS,))
    gradients = []
    for chunked in (False, True):
        head = _head()
        embedding = nn.Embedding(WORDS, WIDTH)
        embedding.weight = head.weight
        hidden = embedding(words).tanh()
        value = (
            loss.summed_loss(hidden, head, targets)
            if chunked
            else cross_entropy(head(hidden), targets, reduction="sum")
        )
        value.backward()
        gradients.append(head.weight.grad)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-6, atol=1e-6 * float(gradients[0].abs().max()))


def test_an_improbable_token_keeps_the_loss_finite_and_right():
    head = _head()
    with torch.no_grad():
        head.weight.mul_(500)
    hidden = torch.randn(4, WIDTH)
    targets = head(hidden).argmin(-1)
    assert torch.isfinite(loss.summed_loss(hidden, head, targets))
    torch.testing.assert_close(
        loss.summed_loss(hidden, head, targets),
        cross_entropy(head(hidden), targets, reduction="sum"),
        rtol=1e-5,
        atol=0,
    )


def test_without_gradients_only_the_loss_is_made():
    hidden, targets = torch.randn(POSITIONS, WIDTH), torch.randint(0, WORDS, (POSITIONS,))
    with torch.no_grad():
        value = loss.summed_loss(hidden, _head(), targets)
    assert not value.requires_grad
    torch.testing.assert_close(value, cross_entropy(_head()(hidden), targets, reduction="sum"), rtol=1e-5, atol=0)


def test_the_head_is_back_in_place_after_an_error():
    head, hidden = _head(), torch.randn(3, WIDTH)

    def fail():
        with loss.without_head(head):
            assert head(hidden) is hidden
            raise RuntimeError("the model failed")

    with pytest.raises(RuntimeError, match="the model failed"):
        fail()
    assert head(hidden).shape == (3, WORDS)
