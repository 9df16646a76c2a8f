"""What libraries say into the log of every faultless run and nobody can use: known lines, each by its own words.

Anything else that a library says stays, errors above all.
"""

import logging
import os
import warnings

# Of a kernel that is not needed: without it bitsandbytes computes the same by other means.
LINES = {"bitsandbytes.backends.cpu.ops": "Failed to load CPU gemm_4bit_forward from kernels-community"}
# Of one library about how another one calls it.
WARNINGS = ("`is_gradient_checkpointing` is deprecated",)


class Known(logging.Filter):
    """Leaves out what begins with these words."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR or not record.getMessage().startswith(self.words)


def keep_quiet() -> None:
    """From now on, in this process."""
    for logger, words in LINES.items():
        logging.getLogger(logger).addFilter(Known(words))
    for words in WARNINGS:
        warnings.filterwarnings("ignore", message=words, category=FutureWarning)


def say_no_more() -> None:
    """What libraries say of their own objects while Python ends (nanobind's do) is nothing about the run."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nothing, number)
    os.close(nothing)
