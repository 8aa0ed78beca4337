"""The table of docs/hooks.md."""

from support.contract.table import PAGE, render


def test_the_table_is_up_to_date():
    """I4: docs/hooks.md shows which hook passes which case; `make docs` writes it."""
    assert render() in PAGE.read_text()
