"""Each case of the suite runs with every subject of its module but those that leave it out, with a reason of theirs."""

import pytest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "subject" in metafunc.fixturenames:
        case = metafunc.definition.originalname.removeprefix("test_")
        subjects = [one for one in metafunc.module.SUBJECTS if case not in one.leaves_out]
        metafunc.parametrize("subject", subjects, ids=[one.name for one in subjects])
