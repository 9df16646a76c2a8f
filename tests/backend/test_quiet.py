"""Known lines of libraries stay out of a run's log; everything else they say stays in."""

import logging
import warnings

import pytest

from backend.quiet import keep_quiet

TOLD = "Failed to load CPU gemm_4bit_forward from kernels-community: %s. Please `pip install kernels`"


def test_known_lines_are_left_out_and_others_are_not(caplog: pytest.LogCaptureFixture) -> None:
    keep_quiet()
    log = logging.getLogger("bitsandbytes.backends.cpu.ops")
    log.warning(TOLD, "No module named 'kernels'")
    log.warning("Something else")
    log.error(TOLD, "an error stays")
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]


def test_known_warnings_are_left_out_and_others_are_not() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        keep_quiet()
        warnings.warn("`is_gradient_checkpointing` is deprecated.", FutureWarning, stacklevel=1)
        warnings.warn("something else", FutureWarning, stacklevel=1)
    assert [str(one.message) for one in told] == ["something else"]
