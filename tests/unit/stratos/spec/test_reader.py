"""A spec file: what is accepted, and how every problem is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stratos.regions import known_regions
from stratos.spec import Spec
from stratos.spec.reader import read_document, read_spec
from tests import factories
from tests.unit.stratos.spec.spec_files import changed, problems_of

JUDGE = {"kind": "judge", "criteria": "polite", "model": {"kind": "bedrock", "model_id": "x"}}


def test_a_good_spec_is_read() -> None:
    assert read_spec(factories.spec_text()) == factories.spec()


def test_every_problem_is_told_at_once_with_its_path_and_line() -> None:
    text = """\
version: 1
name: Tiles!
task:
  dataset: ../secrets.jsonl
  verifier: {kind: sett}
  probe_recods: 5
constraints:
  min_accuracy: 1.2
strategy: injektion
"""
    found = {problem.path: problem.line for problem in problems_of(text)}
    assert found == {
        "name": 2,
        "task.dataset": 4,
        "task.verifier.kind": 5,
        "task.probe_recods": 6,
        "constraints.min_accuracy": 8,
        "strategy": 9,
    }


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"constraintz": {}}, "did you mean `constraints`"),
        ({"strategy": "injektion"}, "did you mean `injection`"),
        ({"teachers": [{"kind": "wights", "path": "m"}]}, "did you mean `weights`"),
        ({"teachers": [{"kind": "logs"}, {"kind": "logs"}]}, "`kind: logs` twice"),
        (
            {"teachers": [{"kind": "logs"}], "strategy": "injection"},
            "name a live teacher beside `kind: logs`",
        ),
        (
            {"teachers": [{"kind": "bedrock", "model_id": "x", "input_usd_per_million_tokens": 1}]},
            "give both of `input_usd_per_million_tokens`",
        ),
        ({"teachers": [{"path": "m"}]}, "one of bedrock, logs, openai, weights"),
        ({"teachers": [{"kind": "weights", "path": "m", "hubb": "a/b"}]}, "did you mean `hub`"),
        ({"students": [{"path": "/etc"}]}, "outside the spec's folder"),
        ({"load": 5}, "needed: a mapping of fields"),
        ({"load": {"origins": {"ap-northeast1": 2}}}, "did you mean `ap-northeast-1`"),
        ({"load": {"origins": {"us-east-1": 0}}}, "needed: greater than 0"),
        ({"load": {"origins": {}}}, "at least 1"),
        ({"load": {"origins": dict.fromkeys(known_regions()[:7], 1)}}, "at most 6"),
        (
            {"load": {"requests_per_second": 5, "origins": {"us-east-1": 2, "eu-west-1": 1}}},
            "origins add up to 3 requests per second, and requests_per_second is 5",
        ),
        ({"constraints": {"licences": "mit"}}, "needed: a list"),
        ({"schedule": "weekly"}, "Invalid Schedule Expression weekly. Needed: rate(…) or cron(…)"),
        ({"schedule": "cron(0 9 * * MON *)"}, "Write cron(0 9 ? * MON *)"),
        ({"schedule": "cron(0 9 ? * MOM *)"}, "Found MOM in day-of-week; needed: 1 (Sunday)"),
        ({"schedule": "rate(0 days)"}, "Found 0; needed: a whole number from 1"),
        ({"schedule": "at(2030-01-31T08:00:00)"}, "For one rerun, write cron(0 8 31 1 ? 2030)"),
        ({"schedule": "at(2020-01-31T08:00:00)"}, "fires once, and a schedule runs the spec again"),
        ({"schedule": "cron(0 9 30 2 ? *)"}, "never fires, since it names no time that exists"),
        ({"schedule": "cron(0 9 1 1 ? 2020)"}, "never fires again: its last year is 2020"),
        ({"schedule": 7}, "found 7; needed: text; quote it"),
        ({"schedule_timezone": "Europe/Berlin"}, "needs schedule, whose clock it sets"),
        (
            {"schedule": "cron(0 9 ? * MON *)", "schedule_timezone": "Berlin"},
            "did you mean Europe/Berlin?",
        ),
        ({"schedule": "rate(7 days)", "timezone": "Europe/Berlin"}, "`schedule_timezone`"),
        ({"hosting": {"keep": True, "ttl_hours": 1}}, "not both"),
        ({"approval": "requird"}, "did you mean `required`"),
        ({"approval_timeout_hours": 5}, "needs approval: required"),
        ({"approval": "required", "approval_timeout_hours": 169}, "approval_timeout_hours"),
        ({"constraints": {"min_accuracy": 0.99}}, r"cannot be proven on 60 held-out records"),
        ({"students": [{"path": "a/m"}, {"path": "b/m"}]}, "same name, m, as students"),
        (
            {
                "teachers": [{"kind": "bedrock", "model_id": "x"}],
                "training": {"kd_weight": 0.5},
            },
            "needs a teacher of kind weights",
        ),
        ({"training": {"on_policy_fraction": 0.5}}, "set kd_weight above 0"),
        ({"training": {"cross_tokenizer": "align", "jsd_beta": 0.5}}, "jsd_beta and cross_toke"),
        (
            {
                "task": factories.spec_dict()["task"] | {"verifier": JUDGE},
                "training": {"reinforcement": {"steps": 5}},
            },
            "which a judge would be paid for",
        ),
        (
            {
                "task": factories.spec_dict()["task"]
                | {"verifier": JUDGE | {"model": {"kind": "weights", "path": "m"}}}
            },
            "needed: one of bedrock, openai",
        ),
    ],
)
def test_a_problem_says_what_is_needed(sections: dict[str, object], message: str) -> None:
    assert message in "\n".join(str(problem) for problem in problems_of(changed(**sections)))


def test_a_bad_schedule_and_a_bad_time_zone_are_told_beside_all_else() -> None:
    text = """\
version: 1
name: Tiles!
schedule: cron(0 9 * * MON)
schedule_timezone: Europe/Berln
"""
    found = {problem.path: problem.line for problem in problems_of(text)}
    assert found == {"name": 2, "schedule": 3, "schedule_timezone": 4, "task": 1}


@pytest.mark.parametrize(
    "schedule",
    ["rate(7 days)", "rate(1 days)", "cron(0 9 ? * MON *)", "cron(0 6 LW * ? 2199)"],
)
def test_a_schedule_that_scheduler_takes_is_read(schedule: str) -> None:
    assert read_spec(changed(schedule=schedule)).schedule == schedule


def test_a_time_may_exist_in_one_time_zone_and_not_in_another() -> None:
    skipped = {"schedule": "cron(30 2 31 3 ? 2199)"}  # daylight saving begins in Berlin
    assert read_spec(changed(**skipped)).schedule_timezone == "UTC"
    told = problems_of(changed(**skipped, schedule_timezone="Europe/Berlin"))
    assert [problem.path for problem in told] == ["schedule"]
    assert "names no time that exists" in told[0].message


def test_a_rerun_may_read_its_spec_after_the_last_time_of_its_schedule() -> None:
    just_now = datetime.now(UTC) - timedelta(minutes=1)
    last = f"cron({just_now:%-M %-H %-d %-m ? %Y})"
    assert read_spec(changed(schedule=last)).schedule == last


def test_a_spec_without_a_time_zone_is_written_as_before_there_were_any() -> None:
    schedule = {"schedule": "cron(0 9 ? * MON *)"}
    assert "schedule_timezone" not in read_spec(changed(**schedule)).model_dump_json()
    zoned = read_spec(changed(**schedule, schedule_timezone="Asia/Tokyo"))
    assert Spec.model_validate_json(zoned.model_dump_json()) == zoned


def test_the_record_of_an_earlier_run_is_read_whatever_its_schedule() -> None:
    written = json.loads(factories.spec().model_dump_json()) | {"schedule": "cron(0 6 * * * *)"}
    assert Spec.model_validate(written).schedule == "cron(0 6 * * * *)"


def test_the_advice_on_heldout_records_is_enough() -> None:
    task = factories.spec_dict()["task"]
    told = str(problems_of(changed(constraints={"min_accuracy": 0.99}))[0])
    advised = int(told.rpartition("(")[2].split()[0].replace(",", ""))
    for records, accepted in ((advised, True), (advised - 1, False)):
        text = changed(constraints={"min_accuracy": 0.99}, task=task | {"heldout_records": records})
        assert (read_document(text).problems == []) is accepted


@given(st.text() | st.binary())
def test_arbitrary_content_is_refused_and_never_breaks(content: str | bytes) -> None:
    assert problems_of(content)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(factories.spec_dict())), plain)
def test_an_arbitrary_value_anywhere_is_accepted_or_told(section: str, value: object) -> None:
    text = yaml.safe_dump(factories.spec_dict() | {section: value})
    document = read_document(text)
    assert document.problems or document.spec is not None
    for problem in document.problems:
        assert problem.message


def test_requests_per_second_are_the_sum_of_those_of_the_origins() -> None:
    spec = read_spec(changed(load={"origins": {"us-east-1": 4, "eu-west-1": 2.5}}))
    assert spec.load.requests_per_second == 6.5
    assert Spec.model_validate_json(spec.model_dump_json()) == spec


def test_a_load_without_origins_is_written_as_before() -> None:
    assert "origins" not in read_spec(factories.spec_text()).load.model_dump()
