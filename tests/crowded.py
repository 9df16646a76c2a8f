"""The page as on a computer with 3 GB of free memory, however much is free here."""

import runpy

import psutil

FREE = 3 * 10**9
measured = psutil.virtual_memory
psutil.virtual_memory = lambda: measured()._replace(available=FREE)

if __name__ == "__main__":
    runpy.run_module("studio.app", run_name="__main__", alter_sys=True)
