"""What a model sees with: the sizes of its tower, how many patches a picture becomes, and what is adapted of it.

A patch goes through the tower; what leaves the projector are the words of the picture, which may be fewer
(`backend.models.sight.words`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from math import prod
from pathlib import Path

from backend.data.pictures.stored import Size
from backend.models import weights
from backend.models.sight.config import PROJECTORS, TOWERS, Config, inside, sees
from backend.models.sight.words import counter, edge, grid, processor, read, tiles

# Mllama fills up the patches of a tile to whole eights.
EIGHT = 8
MERGING, SPLITTING = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl"), ("idefics3", "smolvlm")


@dataclass(frozen=True)
class Part:
    """Parameters, and of its matrices the sum of their inputs and outputs, and their number."""

    parameters: int = 0
    sides: int = 0
    matrices: int = 0


@dataclass(frozen=True)
class Sight:
    """`width` and `inner` (of the MLP) of the `layers` of the tower; `gated`: its MLP has a gate; `states`: results of
    layers that are there until a picture has gone through all; `tile`: patches that look at one another (0: all of a
    picture); `beside`: pictures are no words, and `looking` layers of the language model look at their patches.
    """

    layers: int
    width: int
    inner: int
    heads: int
    gated: bool
    states: int
    tile: int
    tower: Part
    projector: Part
    beside: bool = False
    looking: int = 0


def sight(folder: Path) -> Sight | None:
    """Of the model in this folder; None for one that sees nothing, or whose files do not say with what. ModelError as
    `weights.header`.
    """
    config = read(folder / "config.json")
    if not sees(config) or not _told(config):
        return None
    vision, kind = config["vision_config"], config["model_type"]
    width = int(vision.get("embed_dim") or vision.get("hidden_size", 0))
    layers = int(vision.get("depth") or vision.get("num_hidden_layers", 0)) + int(vision.get("num_global_layers", 0))
    beside = kind == "mllama"
    return Sight(
        layers=layers,
        width=width,
        inner=int(vision.get("intermediate_size") or width * vision.get("mlp_ratio", 4)),
        heads=int(vision.get("num_heads") or vision.get("attention_heads") or vision.get("num_attention_heads", 1)),
        gated=kind == "qwen2_5_vl",
        states=layers + 1 if kind in ("llava", "llava_next", "mllama") else 0,
        tile=_tile(folder, config),
        tower=_part(folder, seeing=True),
        projector=_part(folder, seeing=False),
        beside=beside,
        looking=len(config.get("text_config", {}).get("cross_attention_layers", ())) if beside else 0,
    )


def _told(config: Config) -> bool:
    """Whether it says how large its pictures are; where they may be of any size, patches are what counts."""
    return config["model_type"] in MERGING or {"image_size", "patch_size"} <= set(config["vision_config"])


def patches(folder: Path) -> Callable[[Size], int] | None:
    """How many patches go through the tower for a picture of some size; None as `sight`."""
    config, pictures = read(folder / "config.json"), processor(folder)
    count = counter(folder)
    if count is None or not _told(config):
        return None
    kind, tile = config["model_type"], _tile(folder, config)
    if not tile:
        merged = int(pictures.get("merge_size", 2)) ** 2
        return lambda size: merged * count(size)
    return lru_cache(4096)(lambda size: tile * _tiles(kind, size, config, pictures))


def _tiles(kind: str, size: Size, config: Config, pictures: Config) -> int:
    """How many tiles, with the whole picture made small."""
    if kind == "llava_next":
        side = edge(pictures, config["vision_config"])
        return prod(one // side for one in grid(size, config, pictures)) + 1
    if kind == "mllama":
        return int(config["vision_config"].get("max_num_tiles", 4))
    cut = tiles(size, pictures) if kind in SPLITTING else None
    return prod(cut) + 1 if cut else 1


def _part(folder: Path, *, seeing: bool) -> Part:
    """Of the tower, or of the projector: in some families that is a part of the tower."""
    found = {name: one.shape for path in weights.files(folder) for name, one in weights.header(path).items()}
    mine = {
        name: shape
        for name, shape in found.items()
        if inside(name) and inside(name, PROJECTORS) != seeing and (not seeing or inside(name, TOWERS))
    }
    flat = [shape for name, shape in mine.items() if len(shape) == 2 and "embed" not in name]
    return Part(sum(map(prod, mine.values())), sum(chain(*flat)), len(flat))


def _tile(folder: Path, config: Config) -> int:
    """Patches of a tile; 0 where a picture is looked at whole, whatever its size."""
    vision, kind = config["vision_config"], config["model_type"]
    if kind in MERGING:
        return 0
    side = vision["image_size"] if kind in SPLITTING else edge(processor(folder), vision)
    patches: int = (int(side) // int(vision["patch_size"])) ** 2
    if kind == "mllama":
        return -(-(patches + 1) // EIGHT) * EIGHT
    return patches + int(kind in ("llava", "llava_next"))
