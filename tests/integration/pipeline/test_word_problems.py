"""The second example, shortened: a teacher that is good at its task is imitated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from stratos.cli import endpoint
from stratos.cli.runs import find_run
from tests.integration.pipeline.cloud import ROOT, Cloud

pytestmark = pytest.mark.slow
EXAMPLE = ROOT / "examples" / "word-problems"


def test_auto_picks_alignment_for_a_teacher_that_is_good_at_the_task(cloud: Cloud, tmp_path: Path):
    folder = tmp_path / "word-problems"
    shutil.copytree(EXAMPLE, folder)
    spec = yaml.safe_load((folder / "spec.yaml").read_text())
    spec["task"] |= {"probe_records": 40, "heldout_records": 100}
    # So few steps make a student that beats its base; the teacher is held to the default floor.
    spec["constraints"] = {"max_p95_latency_ms": 20_000, "max_training_hours": 0.2}
    spec["load"] = {"requests_per_second": 2, "measure_seconds": 2}
    spec["synthesis"]["max_records"] = 800
    spec["training"]["max_steps"] = 120
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec))
    rows = (EXAMPLE / "dataset.jsonl").read_text().splitlines()[:1000]
    (folder / "dataset.jsonl").write_text("\n".join(rows) + "\n")

    run_id = cloud.submit(folder)
    assert cloud.finish(run_id).status == "succeeded", cloud.summary(run_id).reason

    summary = cloud.summary(run_id)
    assert summary.strategy is not None
    assert (summary.strategy.choice, summary.strategy.forced) == ("alignment", False)
    assert summary.teacher is not None
    assert summary.student is not None
    assert summary.teacher.accuracy.lo > 0.85
    assert summary.untuned_student is not None
    assert summary.untuned_student.hi < summary.teacher.accuracy.lo
    assert summary.synthesis is not None
    assert summary.synthesis.yield_by_strategy.keys() == {"alignment"}
    assert summary.training is not None
    assert summary.training.curve[-1].loss < summary.training.curve[0].loss
    run = find_run(cloud.stack, run_id)
    question = json.loads(rows[0])["question"]
    assert endpoint.invoke(cloud.stack, run, question, max_tokens=64).text
