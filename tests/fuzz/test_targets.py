"""Every fuzz target over its seeds, their mutations, and everything fuzzing ever found."""

from pathlib import Path

import pytest

from fuzz.engine_sample import store_messages
from fuzz.mutate import mutated
from fuzz.targets import TARGETS
from hopline_collector.store.clickhouse import ClickHouse

FOUND = Path(__file__).with_name("found")
MUTATIONS = 60


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str) -> None:
    """R2: what fuzzing begins with passes, so that each finding is a new one."""
    seeds = TARGETS[name].seeds()
    assert seeds
    for seed in seeds:
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.mutate])
def test_mutations_that_keep_the_shape(name: str) -> None:
    """R2: any value in any place of a body."""
    target = TARGETS[name]
    made = [mutated(seed, target.mutate, number) for seed in target.seeds() for number in range(MUTATIONS)]
    bodies = [body for body in made if body is not None]
    assert len(bodies) > MUTATIONS / 2
    for body in bodies:
        target.run(body)


@pytest.mark.parametrize("path", sorted(FOUND.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_found_before(path: Path) -> None:
    """R2: what fuzzing once found stays mended."""
    TARGETS[path.parent.name].run(path.read_bytes())


def test_the_engine_takes_what_the_decoders_let_through(engine: ClickHouse) -> None:
    """R2, C5: a block of mutated bodies is stored whole in every table."""
    messages = []
    for target in TARGETS.values():
        if not target.form:
            continue
        for seed in target.seeds():
            made = [mutated(seed, target.mutate, n) for n in range(MUTATIONS)] if target.mutate else []
            messages += [(target.form, body) for body in (seed, *made) if body is not None]
    assert store_messages(engine, messages) > len(messages) / 2
