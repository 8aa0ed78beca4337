import subprocess
import sys
from pathlib import Path

import hopline
from hopline.config import SETTINGS
from hopline.setting_types import Settings

SAMPLE = """
from collections.abc import AsyncIterator, Iterator
import hopline
from hopline import Span, span, trace

@trace
def plain(a: int, *, b: str = "") -> float: return 1.0

@trace(name="named", capture=["a"])
async def coroutine(a: int) -> str: return ""

@trace
def generator(n: int) -> Iterator[bytes]: yield b""

@trace
async def async_generator() -> AsyncIterator[int]: yield 1

reveal_type(plain)
reveal_type(coroutine)
reveal_type(generator)
reveal_type(async_generator)
with span("x", kind="client", peer="y") as s:
    reveal_type(s)
    reveal_type(hopline.inject({}))
plain("no")
hopline.configure(service="shop", sampel=0.5)
"""


def test_types_are_kept(tmp_path):
    """I1: functools metadata and type hints are kept: a decorated function has the type it had."""
    sample = tmp_path / "sample.py"
    sample.write_text(SAMPLE)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(sample)],
        env={"MYPYPATH": str(Path(hopline.__file__).parent.parent), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    said = [line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("sample.py")]
    lines = [line for line in said if "defined in" not in line]
    assert lines == [
        'note: Revealed type is "def (a: int, *, b: str =) -> float"',
        'note: Revealed type is "def (a: int) -> typing.Coroutine[Any, Any, str]"',
        'note: Revealed type is "def (n: int) -> typing.Iterator[bytes]"',
        'note: Revealed type is "def () -> typing.AsyncIterator[int]"',
        'note: Revealed type is "hopline.spans.Span"',
        'note: Revealed type is "typing.MutableMapping[str, str]"',
        'error: Argument 1 to "plain" has incompatible type "str"; expected "int"  [arg-type]',
        'error: Unexpected keyword argument "sampel" for "configure"; did you mean "sample"?  [call-arg]',
    ], done.stdout


def test_every_setting_has_a_type():
    """I6: the keyword arguments of configure() are the settings."""
    assert list(Settings.__annotations__) == list(SETTINGS)
