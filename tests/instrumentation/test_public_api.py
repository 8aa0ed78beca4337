import subprocess
import sys
from pathlib import Path

import hopline

ROOT = Path(hopline.__file__).parent.parent


def test_public_names_are_pinned():
    """The list of public names changes only on purpose."""
    assert hopline.__all__ == [
        "Span",
        "annotate",
        "client_recv",
        "client_send",
        "configure",
        "counters",
        "current_span",
        "detached",
        "disable",
        "enable",
        "extract",
        "flush",
        "get",
        "inject",
        "install",
        "put",
        "put_once",
        "server_recv",
        "server_send",
        "set_uid",
        "shutdown",
        "span",
        "tag",
        "trace",
        "uninstall",
    ]


def test_import_loads_next_to_nothing():
    """I13: what a program that never traces pays for `import hopline` is two modules; a first name brings the rest."""
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import importlib\n"
        "before = set(sys.modules)\n"
        "import hopline\n"
        "assert set(sys.modules) - before == {'hopline', 'hopline.version'}, set(sys.modules) - before\n"
        "assert set(hopline.__all__) <= set(dir(hopline))\n"
        "from hopline import *\n"
        "assert span('a') is not hopline.span('a')\n"
        "assert not hasattr(hopline, '__getattr__'), 'look-ups in a module that has one are not specialised'\n"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True, timeout=60)


def test_an_unknown_name_is_an_attribute_error():
    """A name that is not public is refused as by any module, so that `hasattr` and star imports work."""
    assert not hasattr(hopline, "nothing")


def test_import_needs_nothing_but_the_standard_library():
    """I13: `import hopline`, a span and the HTTP transport work in `python -I -S`, and import starts no thread."""
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import threading, hopline\n"
        "assert threading.active_count() == 1\n"
        "import hopline.transports.http, hopline.testing\n"
        "with hopline.testing.Recorder() as recorder:\n"
        "    with hopline.span('a'):\n"
        "        pass\n"
        "    assert recorder.one(name='a').span_id == '0'\n"
        "foreign = {name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names\n"
        "assert foreign <= {'hopline', '__main__'}, foreign\n"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True, timeout=60)
