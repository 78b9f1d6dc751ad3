"""When the search draws another salt."""

from pytest_ouro.experiment.verdict.search_salt import STANDS, is_due


def test_a_reference_that_stands_long_is_measured_again():
    assert [is_due(count) for count in (0, 1, STANDS - 1, STANDS, STANDS + 1)] == [
        False,
        False,
        False,
        True,
        True,
    ]
