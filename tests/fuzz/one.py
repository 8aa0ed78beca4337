"""One target under atheris: `python one.py TARGET [libFuzzer options]`; ends with 77 at the first finding."""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))
OURS = ["hopline", "hopline_collector", "hopline_query", "hopline_deploy.import_files"]
with atheris.instrument_imports(include=OURS, enable_loader_override=False):
    from fuzz.mutate import mutated
    from fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until libFuzzer's own time is over."""
    target = TARGETS[sys.argv.pop(1)]

    def shaped(body: bytes, most: int, seed: int) -> bytes:
        """Half of the mutations keep the shape of the body."""
        found = mutated(body, target.mutate, seed) if seed % 2 else None
        changed: bytes = atheris.Mutate(body, len(body)) if found is None else found
        return changed[:most]

    options = {"custom_mutator": shaped} if target.mutate else {}
    atheris.Setup(sys.argv, target.run, **options)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
