# ruff: noqa: INP001 - Python finds this by the folder on its path, as a module without a package
"""Runs at the start of every Python process below ``hopline run``; Python imports it by this name.

It first runs the ``sitecustomize`` that it hides, if there is one, then installs the
hooks. Nothing is configured yet: that happens at first use, from the environment,
once the program is known by which a service without a name is called.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

_HERE = str(Path(__file__).parent)


def _run_hidden() -> None:
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


def _install() -> None:
    try:
        import hopline
    except ImportError:
        return  # an interpreter of another environment, which has no client
    hopline.install()


sys.path[:] = [entry for entry in sys.path if entry != _HERE]
try:
    _run_hidden()
finally:
    _install()
