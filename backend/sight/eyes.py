"""How a processor sees: what a picture becomes among the words of a prompt, and the numbers that the tower is given."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from PIL import Image
from torch import Tensor

from backend.data.pictures.stored import Size
from backend.errors import DataError

Inputs = dict[str, Tensor]
SIZES_KNOWN = 4096


class Eyes:
    """One processor. How many words a picture takes depends on its size alone, so each size is tried out once."""

    def __init__(self, processor: Any) -> None:
        self.processor = processor
        self.mark: str = processor.image_token
        self._words = lru_cache(SIZES_KNOWN)(self._tried)

    def words(self, size: Size) -> str:
        """What stands in a prompt for a picture of this size, instead of the one mark that the template writes."""
        return self._words(size)

    def expanded(self, text: str, sizes: Sequence[Size]) -> str:
        """The prompt with the words of each of its pictures; DataError when it has another number of marks."""
        parts = text.split(self.mark)
        if len(parts) - 1 != len(sizes):
            raise DataError("sight.marks", marks=len(parts) - 1, pictures=len(sizes))
        seen = [words for size in sizes for words in [self.words(size)]]
        return "".join(part + word for part, word in zip(parts, [*seen, ""], strict=True))

    def inputs(self, picture: Image.Image) -> Inputs:
        """What the tower is given of one picture, as the processor makes it of a chat with this picture alone."""
        found = self.processor(images=[picture.convert("RGB")], text=None, return_tensors="pt")
        return {name: value for name, value in found.items() if isinstance(value, Tensor)}

    def _tried(self, size: Size) -> str:
        blank = Image.new("RGB", size)
        found = self.processor(text=[self.mark], images=[blank], return_text_replacement_offsets=True)
        offsets = found.get("text_replacement_offsets")
        # Without any, the model looks at the picture from beside its words, and one mark stands for it.
        return str(offsets[0][0]["replacement"]) if offsets and offsets[0] else self.mark
