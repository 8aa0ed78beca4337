"""What a library leaves to the garbage collector, collected where it belongs."""

import gc
import warnings


def collect_refused_sockets() -> None:
    """Free the sockets that kafka-python leaves open when a broker refuses it.

    They warn when they are collected, and would fail whichever test runs then.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
