"""Reports as a script and a person get them."""

from __future__ import annotations

import json

from stratos.contracts.bucket import RunKeys
from tests.summaries import succeeded_run
from tests.unit.stratos.cli.stack_contents import put_run, run


def test_report_saves_both_files_and_prints_the_summary(stack, tmp_path):
    summary = succeeded_run(run_id="r-1")
    put_run(stack, "r-1")
    stack.s3.put_object(
        Bucket="bucket", Key=RunKeys("r-1").summary, Body=summary.model_dump_json().encode()
    )
    stack.s3.put_object(Bucket="bucket", Key=RunKeys("r-1").report, Body=b"<html></html>")
    code, out = run("report", "r-1", "--json", "--out", str(tmp_path / "out"))
    assert code == 0
    assert json.loads(out)["student"]["accuracy"]["n"] == 600
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["report.html", "run.json"]
    _, text = run("report", "r-1")
    for expected in (
        "57.0% (53.0–60.9, n=600)",
        "student ÷ teacher",
        "Knowledge Injection",
        "1,080 (864–)",
        "$0.014",
    ):
        assert expected in text.replace("\n", " ")
