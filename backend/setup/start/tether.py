"""A child that launch.py started ends when launch.py is gone, however that died: its standard input reaches its end."""

import os
import signal
import sys
import threading

MARK = "STUDIO_TETHERED"


def hold() -> None:
    """Call it once at the start of a process; it does nothing unless launch.py is the parent.

    When the parent dies the process gets the same SIGTERM as at a normal end.
    """
    if os.environ.pop(MARK, None) == "1":
        threading.Thread(target=_wait, name="tether", daemon=True).start()


def _wait() -> None:
    # The raw file: a daemon thread inside a buffered read would hold a lock that the interpreter wants at its end.
    while os.read(sys.__stdin__.fileno() if sys.__stdin__ else 0, 4096):
        pass
    if sys.platform == "win32":
        os._exit(1)  # Windows has no signal that another thread could handle in order
    os.kill(os.getpid(), signal.SIGTERM)
