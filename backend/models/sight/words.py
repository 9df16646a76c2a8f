"""How many tokens a picture becomes, by the files of a model that sees.

Checked against transformers' own processors for every family (tests/backend/test_sight_facts.py).
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import ceil, floor, sqrt
from pathlib import Path
from typing import Any

from backend.data.pictures.stored import Size
from backend.models.sight.config import Config, sees

QWEN_PIXELS = (56 * 56, 28 * 28 * 1280)
LARGEST_SPLIT = 4096


def counter(folder: Path) -> Callable[[Size], int] | None:
    """How many tokens a picture of some size becomes for the model in this folder; None for one that sees nothing, or
    whose files do not say it.
    """
    config = read(folder / "config.json")
    if not sees(config):
        return None
    pictures = processor(folder)
    return lru_cache(4096)(lambda size: WORDS[config["model_type"]](size, config, pictures))


def processor(folder: Path) -> Config:
    """How pictures are made ready for the model in this folder, and, as "all", what its processor is told besides."""
    whole = read(folder / "processor_config.json")
    return {**read(folder / "preprocessor_config.json"), **whole.get("image_processor", {}), "all": whole}


def read(path: Path) -> Config:
    """What a file of JSON says; nothing where it cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _llava(_: Size, config: Config, pictures: Config) -> int:
    """Each patch is a token; the first place of the tower stands for the whole picture and is left out or not."""
    vision = config["vision_config"]
    whole = config.get("vision_feature_select_strategy", "default") == "full"
    patches = edge(pictures, vision) // int(vision["patch_size"])
    return patches**2 + int(whole)


def edge(pictures: Config, vision: Config) -> int:
    """Pixels of a side of what the tower is given."""
    size = pictures.get("crop_size") or pictures.get("size") or {}
    return int(_side(size) or vision["image_size"])


def _side(size: Any) -> int | None:
    if isinstance(size, Mapping):
        return next((size[name] for name in ("height", "shortest_edge", "longest_edge") if size.get(name)), None)
    return size if isinstance(size, int) else None


def _llava_next(size: Size, config: Config, pictures: Config) -> int:
    """The whole picture small, and tiles of the grid that wastes least; their padding is cut off, and each line of
    patches ends with a token of its own (LLaVA-1.6).
    """
    width, height = size
    vision = config["vision_config"]
    side = edge(pictures, vision)
    patches = side // int(vision["patch_size"])
    tall, wide = grid(size, config, pictures)
    lines, columns = tall // side * patches, wide // side * patches
    if width * lines > columns * height:
        lines -= (lines - int(round(height * columns / width, 7))) // 2 * 2
    else:
        columns -= (columns - int(round(width * lines / height, 7))) // 2 * 2
    return patches**2 + lines * columns + lines


def grid(size: Size, config: Config, pictures: Config) -> Size:
    """Height and width in pixels of the grid that LLaVA-1.6 shows a picture of this size in."""
    grids: list[list[int]] = pictures.get("image_grid_pinpoints") or config["image_grid_pinpoints"]
    tall, wide = max(grids, key=lambda one: _kept(*size, one[1], one[0]))
    return tall, wide


def _kept(width: int, height: int, wide: int, tall: int) -> Size:
    """Pixels of the picture that a grid can show, and, fewer being better, those of the grid that show nothing."""
    scale = min(wide / width, tall / height)
    shown = min(int(width * scale) * int(height * scale), width * height)
    return shown, shown - wide * tall


def _qwen(size: Size, config: Config, pictures: Config) -> int:
    """Both sides in whole blocks of merged patches, and the area between two limits (arXiv 2409.12191, section 2.1)."""
    width, height = size
    vision = config["vision_config"]
    block: int = int(pictures.get("patch_size", vision.get("patch_size", 14))) * int(pictures.get("merge_size", 2))
    limits = pictures.get("size") or {}
    least = pictures.get("min_pixels") or limits.get("shortest_edge") or QWEN_PIXELS[0]
    most = pictures.get("max_pixels") or limits.get("longest_edge") or QWEN_PIXELS[1]
    across, down = round(width / block), round(height / block)
    if across * down * block**2 > most:
        shrink = sqrt(width * height / most)
        across, down = (max(1, floor(side / shrink / block)) for side in size)
    elif across * down * block**2 < least:
        grow = sqrt(least / (width * height))
        across, down = (ceil(side * grow / block) for side in size)
    return across * down


def _beside(_: Size, __: Config, ___: Config) -> int:
    """One mark: the model looks at the picture from beside its words."""
    return 1


def _split(size: Size, config: Config, pictures: Config) -> int:
    """Tiles in lines, each with two marks and a line with its end; then the whole picture small between three marks."""
    inner = config.get("scale_factor", 2)
    vision = config["vision_config"]
    each = pictures["all"].get("image_seq_len") or (vision["image_size"] // vision["patch_size"] // inner) ** 2
    cut = tiles(size, pictures)
    if cut is None:
        return int(each) + 3
    columns, lines = cut
    # Two new lines one after the other are a token in most vocabularies.
    return int(columns * lines * (each + 2) + lines + each + 3)


def tiles(size: Size, pictures: Config) -> Size | None:
    """Columns and lines of SmolVLM and Idefics3; None where the whole picture is one tile."""
    if not pictures.get("do_image_splitting", True):
        return None
    tile, longest = pictures["max_image_size"]["longest_edge"], pictures["size"]["longest_edge"]
    width, height = size
    scaled = min(longest, LARGEST_SPLIT)
    if width >= height:
        columns, lines = ceil(scaled / tile), ceil(_even(scaled * height / width) / tile)
    else:
        columns, lines = ceil(_even(scaled * width / height) / tile), ceil(scaled / tile)
    return (columns, lines) if columns * lines > 1 else None


def _even(side: float) -> int:
    return max(1, int(side) + int(side) % 2)


WORDS: dict[str, Callable[[Size, Config, Config], int]] = {
    "llava": _llava,
    "llava_next": _llava_next,
    **dict.fromkeys(("qwen2_vl", "qwen2_5_vl", "qwen3_vl"), _qwen),
    "mllama": _beside,
    **dict.fromkeys(("idefics3", "smolvlm"), _split),
}
