"""The real worker, with a job that counts instead of training: light enough to be killed a hundred times."""

import sys

from backend.worker import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], {"count": "tests.faults.counter"}))
