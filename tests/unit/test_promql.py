"""The reader of PromQL that holds dashboard and alerts to the metrics."""

import pytest

from tests.support.promql import asked_by


def test_what_an_expression_asks_for() -> None:
    """Metrics with their labels and values, and what is grouped by."""
    asked = asked_by('histogram_quantile(0.9, sum by (le, m) (rate(x_bucket{a="1|2", b!~"$c"}[5m]))) > 1 and y == 0')
    assert asked.metrics == {"x_bucket": {"a", "b"}, "y": set()}
    assert asked.values == {("x_bucket", "a"): {"1", "2"}}
    assert asked.groups == {"le", "m"}


@pytest.mark.parametrize(
    "expression",
    ["sum(x", "sum x)", "rat(x[5m])", "x{a}", 'x{a>"1"}', "x[5 minutes]", "", "1 + 1", 'x{a="1}', "sum(x}"],
)
def test_what_is_none(expression: str) -> None:
    """Is told."""
    with pytest.raises(ValueError, match=r".") as told:
        asked_by(expression)
    assert str(told.value)
