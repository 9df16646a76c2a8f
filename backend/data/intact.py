"""Whether the file of a data set is still there and still the one that the data set says it is."""

import hashlib

from backend.data.datasets import Dataset
from backend.errors import DataError
from backend.messages import Named


def require(dataset: Dataset) -> None:
    """DataError when the file is gone, or when its bytes are others than those that were added."""
    state(dataset)
    try:
        with dataset.path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise gone(dataset) from error
    if found != dataset.sha256:
        raise changed(dataset)


def state(dataset: Dataset) -> list[int]:
    """Size in bytes and time of the last change in nanoseconds: while they stay, so do the bytes. DataError when the
    file is gone.
    """
    try:
        found = dataset.path.stat()
    except OSError as error:
        raise gone(dataset) from error
    return [found.st_size, found.st_mtime_ns]


def gone(dataset: Dataset) -> DataError:
    return DataError("data.gone", data=Named(dataset.name, dataset.titles))


def changed(dataset: Dataset) -> DataError:
    return DataError("data.changed", data=Named(dataset.name, dataset.titles))
