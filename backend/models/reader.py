"""A model as the check of a data set needs to know it."""

from backend.data.doctor.seen import Reader
from backend.models.catalogue import Model
from backend.models.control_words import control_words
from backend.recipes.schema import Batch


def of(model: Model, most: int | None = None) -> Reader | None:
    """`most`: tokens of a row that are learned (None: as recipes have it by default). None for a model whose tokenizer
    cannot be read here.
    """
    tokenizer = model.folder / "tokenizer.json"
    if not tokenizer.is_file():
        return None
    longest = most or int(Batch().max_length)
    return Reader(model=model.name, tokenizer=tokenizer, words=tuple(control_words(model.folder)), most=longest)
