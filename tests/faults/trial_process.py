"""The trial of a collector whose decoder aborts: ``python trial_process.py MARK``. The child dies of the same."""

import sys

from dying import abort_on

from hopline_collector import trial

if __name__ == "__main__":
    abort_on(sys.argv[1])
    trial.main()
