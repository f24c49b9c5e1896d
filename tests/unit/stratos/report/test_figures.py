"""The figures that the report and the terminal show."""

from __future__ import annotations

from stratos.contracts.plan import PlannedHosting
from stratos.hosting.modes.table import told_measurement
from stratos.report.figures import measurement_rows
from tests.summaries import measurement, plan, succeeded_run


def test_an_endpoint_is_told_as_it_was_measured_and_not_as_it_was_planned():
    serverless = PlannedHosting(mode="serverless", reason="")
    moved = measurement(plan("a").model_copy(update={"hosting": serverless}))
    other = measurement(plan("b")).model_copy(update={"mode": "serverless"})
    rows = measurement_rows(succeeded_run(measurements=(moved, other)))
    assert [row.server for row in rows] == ["1× ml.local.cpu2", "serverless"]
    assert "on 1 × ml.local.cpu2 in us-east-1: " in told_measurement(moved)
    assert "on a serverless endpoint in us-east-1 " in told_measurement(other)
