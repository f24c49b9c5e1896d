"""What finished runs teach, and what one absurd run cannot."""

from __future__ import annotations

import math
import random

import pytest

from stratos.contracts.calibration import CalibrationRow
from stratos.pipeline.lessons import calibration_rows
from stratos.planning.choose import plan_before_probing
from stratos.planning.forecast.calibration import correction, from_log_odds, log_odds
from tests.unit.stratos.planning.calibrated import SPEED, row, run_evidence
from tests.unit.stratos.planning.planning_inputs import gpu, request


def factor(rows: list[CalibrationRow], instance_type: str = "ml.g5.xlarge") -> float:
    return correction(rows, SPEED, instance_type, 5e8, 0.45).factor


def test_nothing_is_corrected_before_the_first_run() -> None:
    found = correction([], SPEED, "ml.g5.xlarge", 5e8, 0.45)
    assert found.factor == 1.0
    assert found.sd == pytest.approx(math.hypot(0.45, 0.15))


@pytest.mark.parametrize("truth", [0.4, 0.9, 1.7, 3.0])
def test_runs_that_use_the_correction_converge_to_the_truth(truth: float) -> None:
    noise = random.Random(7)
    rows: list[CalibrationRow] = []
    for _ in range(40):
        applied = factor(rows)
        measured = 100.0 * truth * math.exp(noise.gauss(0, 0.1))
        rows.append(row(measured, predicted=100.0 * applied, applied=applied))
    assert factor(rows) == pytest.approx(truth, rel=0.06)
    assert correction(rows, SPEED, "ml.g5.xlarge", 5e8, 0.45).sd < 0.2


def test_the_first_run_is_believed_in_part() -> None:
    assert 1.0 < factor([row(200.0)]) < 2.0


@pytest.mark.parametrize("absurd", [1e5, 1e-3])
@pytest.mark.parametrize("good", [0, 1, 5])
def test_one_absurd_run_changes_nothing_much(absurd: float, good: int) -> None:
    rows = [row(130.0)] * good
    assert factor([*rows, row(absurd)]) == pytest.approx(factor(rows), rel=0.05)


def test_several_runs_that_agree_are_believed_however_far_off() -> None:
    assert factor([row(2_000.0)] * 6) == pytest.approx(20.0, rel=0.25)


def test_another_instance_type_counts_for_less_and_another_runtime_for_nothing() -> None:
    rows = [row(200.0)] * 50
    same, sibling, other = (
        factor(rows, name) for name in ("ml.g5.xlarge", "ml.g6.xlarge", "ml.c7i.xlarge")
    )
    assert other == 1.0
    assert 1.2 < sibling < same


def test_another_number_of_devices_counts_for_less() -> None:
    def of_devices(rows: list[CalibrationRow], num_devices: int) -> float:
        return correction(rows, SPEED, "ml.g5.48xlarge", 5e8, 0.45, num_devices=num_devices).factor

    alone = [row(200.0, instance_type="ml.g5.48xlarge")] * 20
    together = [row(50.0, instance_type="ml.g5.48xlarge", devices=8)] * 20
    assert 1.2 < of_devices(alone, 8) < of_devices(alone, 1)
    # Each keeps its own efficiency where both have been measured.
    assert of_devices(alone + together, 1) == pytest.approx(2.0, rel=0.1)
    assert of_devices(alone + together, 8) == pytest.approx(0.5, rel=0.1)


def test_accuracy_does_not_depend_on_how_many_devices_trained() -> None:
    alone, together = ([row(0.8, 0.5, quantity="accuracy", devices=count)] * 5 for count in (1, 8))
    found = [correction(rows, "accuracy", "", 5e8, 0.6).factor for rows in (alone, together)]
    assert found[0] == found[1] > 1


def test_a_slow_link_that_runs_have_measured_is_used_less() -> None:
    server = gpu("ml.g5.12xlarge", num_accelerators=4, interconnect_gb_per_s=600, memory_gib=192)
    fields = {"instance_type": "ml.g5.12xlarge", "devices": 4}
    slow = tuple(row(10.0, **fields) for _ in range(20))
    assert plan_before_probing(request(server, calibration=slow)).chosen.training.devices < 4


def test_a_model_of_another_size_counts_for_less() -> None:
    near = [row(200.0)]
    far = [row(200.0, parameters=50_000)]
    assert factor(far) < factor(near)


@pytest.mark.parametrize("broken", [0.0, -1.0, float("inf"), float("nan")])
def test_a_row_that_says_nothing_is_passed_over(broken: float) -> None:
    assert factor([row(broken)]) == 1.0


def test_accuracy_moves_by_its_odds() -> None:
    rows = [row(0.6, predicted=0.4, quantity="accuracy")] * 30
    found = correction(rows, "accuracy", "", 5e8, 0.7)
    corrected = from_log_odds(log_odds(0.4) + math.log(found.factor))
    assert corrected == pytest.approx(0.6, abs=0.01)


def test_the_next_plan_reads_what_the_last_run_measured() -> None:
    server = gpu("ml.g5.xlarge")
    first = plan_before_probing(request(server)).chosen
    slower = row(0.5 * first.training_tokens_per_second, first.training_tokens_per_second)
    slow_answers = row(
        2 * first.p95_latency_ms.value, first.p95_latency_ms.value, quantity="p95_latency_ms"
    )
    second = plan_before_probing(
        request(server, calibration=(slower, slower, slow_answers, slow_answers))
    ).chosen
    assert second.training_tokens_per_second < 0.65 * first.training_tokens_per_second
    assert second.p95_latency_ms.value > 1.5 * first.p95_latency_ms.value
    assert second.calibration[SPEED] < 0.65
    width = [p.p95_latency_ms.hi / p.p95_latency_ms.lo for p in (first, second)]
    assert width[1] < width[0]


@pytest.mark.parametrize("truth", [0.4, 1.8])
def test_repeated_runs_end_at_what_their_server_does(truth: float) -> None:
    server, noise = gpu("ml.g5.xlarge"), random.Random(3)
    uncorrected = plan_before_probing(request(server)).chosen.training_tokens_per_second
    rows: tuple[CalibrationRow, ...] = ()
    for number in range(12):
        plans = plan_before_probing(request(server, calibration=rows))
        measured = uncorrected * truth * math.exp(noise.gauss(0, 0.05))
        rows += tuple(calibration_rows(run_evidence(f"r{number}", plans, measured)))
    last = plan_before_probing(request(server, calibration=rows)).chosen
    assert last.training_tokens_per_second == pytest.approx(uncorrected * truth, rel=0.08)


def test_latency_follows_the_rates_that_runs_have_measured() -> None:
    server = gpu("ml.g5.xlarge")
    first = plan_before_probing(request(server)).chosen
    assert first.p50_latency_ms.value < first.p95_latency_ms.value
    slow = tuple(
        row(0.5 * value, value, quantity=quantity)
        for quantity, value in (
            ("prefill_tokens_per_second", first.prefill_tokens_per_second),
            ("decode_tokens_per_second", first.decode_tokens_per_second),
        )
        for _ in range(6)
    )
    second = plan_before_probing(request(server, calibration=slow)).chosen
    assert second.decode_tokens_per_second < 0.6 * first.decode_tokens_per_second
    for before, after in (
        (first.p50_latency_ms, second.p50_latency_ms),
        (first.p95_latency_ms, second.p95_latency_ms),
    ):
        assert after.value > 1.5 * before.value


def test_a_latency_that_was_measured_outweighs_what_the_rates_let_expect() -> None:
    server = gpu("ml.g5.xlarge")
    first = plan_before_probing(request(server)).chosen
    rates = [
        row(
            0.5 * first.decode_tokens_per_second,
            first.decode_tokens_per_second,
            quantity="decode_tokens_per_second",
        )
    ] * 6
    as_predicted = [
        row(first.p95_latency_ms.value, first.p95_latency_ms.value, quantity="p95_latency_ms")
    ] * 12
    told = plan_before_probing(request(server, calibration=(*rates, *as_predicted))).chosen
    assert told.p95_latency_ms.value == pytest.approx(first.p95_latency_ms.value, rel=0.1)
