"""What a run was made of."""

from __future__ import annotations

from stratos.pipeline.summary import RunSummary
from stratos.report.lineage import lineage
from tests.summaries import server, succeeded_run


def test_a_run_names_its_data_its_models_with_their_revision_and_its_server() -> None:
    run = succeeded_run(content_hash="c0ffee")
    assert run.teacher is not None
    assert run.teacher.probe is not None
    assert run.training is not None
    probed = run.teacher.probe.model_copy(update={"revision": "1a2b"})
    training = run.training.model_copy(update={"server": server("ml.g9.xlarge")})
    teacher = run.teacher.model_copy(update={"probe": probed})
    found = dict(lineage(run.model_copy(update={"teacher": teacher, "training": training})))
    assert found["hash of spec, dataset and models"] == "c0ffee"
    assert found["dataset"] == "dataset.jsonl"
    assert found["teacher"] == "teacher, revision 1a2b"
    assert found["student"] == "student-base"
    assert found["trained on"] == "1 × ml.g9.xlarge in us-east-1"
    assert found["began and ended"] == "2026-11-24 08:00 UTC – 2026-11-24 08:04 UTC"


def test_a_run_that_ended_early_has_only_its_name_and_time() -> None:
    run = RunSummary(
        run_id="r-1",
        spec_name="r",
        status="failed",
        reason="",
        started_at="2026-11-24T08:00:00Z",
        ended_at="2026-11-24T08:00:02Z",
    )
    assert [name for name, _ in lineage(run)] == ["run", "began and ended"]
