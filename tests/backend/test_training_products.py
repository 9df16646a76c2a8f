"""The faster products are products: values and gradients as torch's own, wherever they apply."""

import pytest
import torch
from torch import nn
from torch.nn.functional import linear

from backend.training.network import loss, products

needs_op = pytest.mark.skipif(
    not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="this torch was built without oneDNN"
)


@pytest.fixture(params=[True, False], ids=["onednn", "mkl"])
def _either_way(request, monkeypatch):
    """As on a processor on which oneDNN is faster, and as on another."""
    monkeypatch.setattr(products, "onednn_is_faster", lambda: request.param)


def _gradients(way, layer, x):
    layer.zero_grad()
    x = x.clone().requires_grad_()
    way(x).square().mean().backward()
    return [x.grad, *(parameter.grad for parameter in layer.parameters())]


@needs_op
@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("shape", [(1, 100, 24), (70, 24), (1, 3, 24)])
def test_a_quickened_layer_computes_and_learns_what_it_did_before(bias, trained, shape):
    torch.manual_seed(0)
    layer = nn.Linear(24, 40, bias=bias).requires_grad_(trained)
    x = torch.randn(shape)
    wanted = [layer(x).detach(), *_gradients(layer, layer, x)]
    names = list(layer.state_dict())
    products.quicken(layer)
    got = [layer(x).detach(), *_gradients(layer, layer, x)]
    assert list(layer.state_dict()) == names
    for one, other in zip(wanted, got, strict=True):
        if one is None:
            assert other is None
        else:
            torch.testing.assert_close(other, one, rtol=1e-5, atol=1e-6)


@needs_op
@pytest.mark.usefixtures("_either_way")
def test_the_loss_is_the_same_either_way():
    torch.manual_seed(0)
    head, hidden, targets = nn.Linear(24, 300, bias=False), torch.randn(90, 24), torch.randint(0, 300, (90,))
    value = loss.summed_loss(hidden, head, targets)
    value.backward()
    wanted = nn.functional.cross_entropy(linear(hidden, head.weight), targets, reduction="sum")
    (slope,) = torch.autograd.grad(wanted, head.weight)
    torch.testing.assert_close(value, wanted, rtol=1e-5, atol=0)
    torch.testing.assert_close(head.weight.grad, slope, rtol=1e-4, atol=1e-5)


def test_a_layer_that_was_quickened_still_is_after_its_hidden_states_were_taken(monkeypatch):
    monkeypatch.setattr(products, "onednn_is_faster", lambda: True)
    head = nn.Linear(4, 9)
    products.quicken(head)
    before = head.forward
    with loss.without_head(head):
        pass
    assert head.forward is before
