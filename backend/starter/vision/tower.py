"""First stage: tower and projector learn to write, for each cell, what is in it, before there is a language.

The wanted feature of a cell is a sum of fixed codes, at right angles to each other and of one length: colour, form or
"empty", row and column. So the language model is later given every one of them equally strongly.
"""

import random
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import cross_entropy
from transformers import LlavaForConditionalGeneration

from backend.starter.vision.model import HIDDEN, MEAN, SPREAD
from backend.starter.vision.scenes import CELLS, COLOURS, FORMS, GRID, TRAINED, Kind, Scene, picture, scene

FIRST_FORM = len(COLOURS)
EMPTY = FIRST_FORM + len(FORMS)
FIRST_ROW = EMPTY + 1
FIRST_COLUMN = FIRST_ROW + GRID
CODES = FIRST_COLUMN + GRID
LENGTH = 0.6  # of a code
EMPTY_WEIGHT = 0.3  # of an empty cell's error beside that of a thing
SHARPNESS = 8.0  # of the choice between codes
STEPS, BATCH, LEARNING_RATE, WARMUP = 500, 32, 3e-3, 40

Report = Callable[[int, float], None]


class Optimizers:
    """Muon for the matrices (torch's own, its step as long as AdamW's would be), AdamW for what is left.

    Beside AdamW alone, Muon made the difference between learning places in two hundred steps and not learning them.
    """

    def __init__(self, named: Iterable[tuple[str, torch.nn.Parameter]], rate: float) -> None:
        named = list(named)
        self.weights = [weight for _, weight in named]
        matrices = [weight for name, weight in named if weight.ndim == 2 and "embed" not in name]
        others = [weight for name, weight in named if weight.ndim != 2 or "embed" in name]
        self.rate = rate
        self.parts = (
            torch.optim.Muon(matrices, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
        )

    def step(self, share: float) -> None:
        """One step at `share` of the learning rate, the gradients cut to length 1; they are gone afterwards."""
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = self.rate * share
            part.step()  # type: ignore[no-untyped-call]
            part.zero_grad()


def codes() -> torch.Tensor:
    """(CODES, HIDDEN), the same for every seed of a training."""
    spread = torch.randn(HIDDEN, CODES, generator=torch.Generator().manual_seed(7))
    axes: torch.Tensor = torch.linalg.qr(spread)[0]
    return axes.T * LENGTH


def pixels(images: Sequence[Image.Image]) -> torch.Tensor:
    """(pictures, 3, 96, 96), as the processor makes them of pictures that need no new size."""
    arrays = [((np.asarray(image, np.float32) / 255 - MEAN) / SPREAD).transpose(2, 0, 1) for image in images]
    return torch.from_numpy(np.stack(arrays))


def features(model: LlavaForConditionalGeneration, images: Sequence[Image.Image]) -> torch.Tensor:
    """(pictures, cells, HIDDEN), as the language model is given them."""
    seen = model.model.vision_tower(pixels(images)).last_hidden_state
    return torch.as_tensor(model.model.multi_modal_projector(seen[:, 1:]))


def wanted(scenes: Sequence[Scene]) -> torch.Tensor:
    """(pictures, cells, CODES): 1 for what is true of a cell, else 0."""
    found = np.zeros((len(scenes), CELLS, CODES), np.float32)
    cells = np.arange(CELLS)
    found[:, cells, FIRST_ROW + cells // GRID] = 1
    found[:, cells, FIRST_COLUMN + cells % GRID] = 1
    found[:, :, EMPTY] = 1
    colours = list(COLOURS)
    for place, things in enumerate(scenes):
        for thing in things:
            cell = thing.row * GRID + thing.column
            found[place, cell, EMPTY] = 0
            found[place, cell, colours.index(thing.colour)] = 1
            found[place, cell, FIRST_FORM + FORMS.index(thing.form)] = 1
    return torch.from_numpy(found)


def tower_loss(seen: torch.Tensor, true: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
    """The squared distance to the wanted feature, and the cross-entropy of the choices between the codes."""
    things = true[:, :, EMPTY] == 0
    weight = torch.where(things, 1.0, EMPTY_WEIGHT)
    distance = (((seen - true @ code) / LENGTH).square().sum(-1) * weight).mean()
    chosen = seen @ code.T / LENGTH**2 * SHARPNESS

    def choice(first: int, end: int, of: torch.Tensor) -> torch.Tensor:
        return cross_entropy(chosen[of][:, first:end], true[of][:, first:end].argmax(-1))

    everywhere = torch.ones_like(things)
    what = choice(0, FIRST_FORM, things) + choice(FIRST_FORM, EMPTY, things)
    where = choice(FIRST_ROW, FIRST_COLUMN, everywhere) + choice(FIRST_COLUMN, CODES, everywhere)
    return distance + what + 0.5 * where


def train_tower(
    model: LlavaForConditionalGeneration, seed: int, steps: int = STEPS, report: Report = lambda *_: None
) -> None:
    """Trains tower and projector in place; they are frozen afterwards."""
    chance = random.Random(seed)
    parts = (model.model.vision_tower, model.model.multi_modal_projector)
    weights = [named for part in parts for named in part.named_parameters()]
    optimizers = Optimizers(weights, LEARNING_RATE)
    code = codes()
    kind = Kind(single=0.1, pairs=TRAINED.pairs)
    for step in range(steps):
        scenes = [scene(chance, kind) for _ in range(BATCH)]
        loss = tower_loss(features(model, [picture(one, chance) for one in scenes]), wanted(scenes), code)
        loss.backward()
        optimizers.step(min(1.0, (step + 1) / WARMUP) * max(0.02, 1 - step / steps))
        report(step + 1, loss.item())
    for part in parts:
        part.requires_grad_(requires_grad=False)


@torch.inference_mode()
def tower_scores(model: LlavaForConditionalGeneration, scenes: Sequence[Scene], seed: int) -> dict[str, float]:
    """The share of things whose colour and form, and of cells whose row and column, are the nearest codes."""
    chance = random.Random(seed)
    true = wanted(scenes)
    near = features(model, [picture(one, chance) for one in scenes]) @ codes().T
    things = true[:, :, EMPTY] == 0
    parts = {
        "colour": (0, FIRST_FORM, things),
        "form": (FIRST_FORM, EMPTY, things),
        "row": (FIRST_ROW, FIRST_COLUMN, torch.ones_like(things)),
        "column": (FIRST_COLUMN, CODES, torch.ones_like(things)),
    }
    return {
        name: (near[of][:, first:end].argmax(-1) == true[of][:, first:end].argmax(-1)).float().mean().item()
        for name, (first, end, of) in parts.items()
    }
