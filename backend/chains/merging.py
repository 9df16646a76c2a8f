"""What a stage starts from: the base model, what the stage before has trained, or both as one model. Heavy."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backend.chains.request import ChainRequest
from backend.chains.stages import Stages
from backend.export import folder, parcel
from backend.export.source import Source
from backend.models import weights
from backend.models.adapters import TENSORS
from backend.models.catalogue import Model
from backend.training.request import Before, TrainRequest

STAGING, MODEL = ".merging", "model"
PRECISIONS = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}


@dataclass(frozen=True)
class Beginnings:
    """Of the stages of one chain. `merging` is called before two are made one, which takes a while."""

    request: ChainRequest
    stages: Stages
    merging: Callable[[], None]

    def of(self, number: int) -> TrainRequest:
        """The request of stage `number`, with the place of the weights it starts from; they are made if need be."""
        stage = self.request.stages[number - 1]
        train = stage.train.model_copy(update={"model": self.base(number)})
        if stage.start != "stacked":
            return train
        adapter = self.stages.adapter(number - 1)
        return train.model_copy(update={"before": Before(adapter=adapter, sha256=parcel.digest(adapter / TENSORS))})

    def base(self, number: int) -> Model:
        """The model that the adapter of this stage is for, or that it trains whole."""
        stage = self.request.stages[number - 1]
        if stage.start == "base":
            return stage.train.model
        if stage.start == "stacked":
            return self.base(number - 1)
        place = self.stages.folder.stage(number - 1).model if stage.start == "whole" else self._merged(number - 1)
        return stage.train.model.model_copy(update={"location": str(place)})

    def ready(self, number: int) -> bool:
        """Whether all that the stage starts from is there, and nothing has to be merged."""
        start = self.request.stages[number - 1].start
        if start == "stacked":
            return self.ready(number - 1)
        return start != "merged" or self.stages.merged_is_whole(number - 1)

    def _merged(self, number: int) -> Path:
        """Base and adapter of stage `number` as one model, in the precision that the base is kept in; made once."""
        final = self.stages.merged(number)
        if self.stages.merged_is_whole(number):
            return final
        base, stage = Path(self.base(number).location), self.stages.folder.stage(number)
        self.merging()
        source = Source("", "", stage, {}, base, stage.adapter, None)
        with parcel.staging(self.stages.folder.stages / STAGING) as place:
            made = place / MODEL
            made.mkdir()
            folder.write(source, made, dtype=stored(base), rounded=False)
            parcel.seal(made, stage=number)
            parcel.place(made, final)
        return final


def stored(model: Path) -> str:
    """The precision that most of the weights are kept in; bfloat16 for those that are rounded already."""
    sizes = dict.fromkeys(PRECISIONS, 0)
    for path in weights.files(model):
        for tensor in weights.header(path).values():
            if tensor.dtype in sizes:
                sizes[tensor.dtype] += tensor.end - tensor.start
    largest = max(sizes, key=lambda kind: sizes[kind])
    return PRECISIONS[largest] if sizes[largest] else "bfloat16"
