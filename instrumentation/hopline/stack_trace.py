"""Where an exception came from, as text for its row: files, lines and functions, no values and no source.

Python's own :mod:`traceback` reads source files, which is no work for a failing request.
"""

from pathlib import Path
from types import TracebackType
from typing import Final

STACK_ATTR: Final = "exception.stacktrace"
"""OpenTelemetry's name for it."""

MAX_CAUSES: Final = 4
MAX_FRAMES: Final = 30
"""So many of the innermost frames of one exception; those before them are counted."""

_OURS: Final = str(Path(__file__).parent)


def stack_of(error: BaseException) -> str:
    """The frames of ``error``, innermost last, after those of what caused it, as Python prints them."""
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in chain and len(chain) < MAX_CAUSES:
        chain.append(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\n\n".join(_frames(one) for one in reversed(chain))


def _frames(error: BaseException) -> str:
    lines: list[str] = []
    step: TracebackType | None = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if not code.co_filename.startswith(_OURS):
            lines.append(f'  File "{code.co_filename}", line {step.tb_lineno}, in {code.co_qualname}')
        step = step.tb_next
    hidden = len(lines) - MAX_FRAMES
    if hidden > 0:
        lines[:hidden] = [f"  ... {hidden} frames before"]
    return "\n".join((*lines, type(error).__qualname__))
