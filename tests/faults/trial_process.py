"""The trial of a collector that dies of a message: ``python trial_process.py HOW MARK``. The child dies of it too."""

import sys

import dying

from hopline_collector.handover import trial

if __name__ == "__main__":
    getattr(dying, sys.argv[1])(sys.argv[2])
    trial.main()
