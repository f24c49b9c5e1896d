"""Each kind of doubt once."""

from __future__ import annotations

from stratos.planning.caveats import gathered


def test_old_prices_are_named_once_with_their_servers() -> None:
    told = gathered(
        [
            "price of ml.a in us-east-1 is derived, grade B",
            "price of ml.a in us-east-1 is 315 days old",
            "price of ml.b in us-east-1 is derived, grade B",
            "price of ml.b in us-east-1 is 365 days old",
            "rates of ml.a are assumed: no run has measured it",
            "rates of ml.b are assumed: no run has measured it",
            "accuracy is a guess until teacher and student are probed",
            "accuracy is a guess until teacher and student are probed",
        ]
    )
    assert told == (
        "prices are 315 to 365 days old (ml.a in us-east-1, ml.b in us-east-1); "
        "`stratos catalog refresh` fetches them",
        "prices are derived, grade B: ml.a in us-east-1, ml.b in us-east-1",
        "rates are assumed, since no run has measured them: ml.a, ml.b",
        "accuracy is a guess until teacher and student are probed",
    )


def test_without_doubts_nothing_is_said() -> None:
    assert gathered([]) == ()
