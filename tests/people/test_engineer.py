"""The engineer with logs: learns from them, looks at what was learned, takes the model home."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.tutorial


def test_nobody_is_paid_for_what_the_logs_hold(outcome) -> None:
    assert outcome["status"] == "succeeded"
    assert outcome["teacher"]["name"] == "logs"
    assert outcome["strategy"]["choice"] == "alignment"
    assert outcome["total_usd"] < 0.1


def test_the_student_is_held_to_what_was_asked_and_beats_itself_untrained(outcome) -> None:
    verdicts = {one["name"]: one["passed"] for one in outcome["constraints"]}
    assert verdicts.keys() >= {"min_accuracy", "max_p95_latency_ms", "max_budget_usd"}
    assert set(verdicts.values()) == {True}
    assert outcome["student"]["accuracy"]["lo"] > outcome["untuned_student"]["hi"]


def test_what_was_learned_can_be_looked_at(ask, run_id) -> None:
    kept = json.loads(ask(f"stratos samples {run_id} --json").output)
    assert kept["num"] > 100
    assert "route_ticket" in json.dumps(kept["records"][0])
    assert json.loads(ask(f"stratos samples {run_id} --rejected --json").output)["num"] == 0


def test_the_jobs_words_can_be_read(ask, run_id) -> None:
    told = ask(f"stratos logs {run_id} distill")
    assert told.exit_code == 0
    assert "finished in" in told.output


def test_the_model_at_home_says_how_each_engine_loads_it(reader) -> None:
    folder = reader.home / "router"
    assert list(folder.glob("*.safetensors"))
    assert list(folder.glob("*.gguf"))
    words = (folder / "README.md").read_text(encoding="utf-8")
    for engine in ("transformers", "llama-server", "vllm", "ollama"):
        assert engine in words, engine


def test_a_plan_that_was_saved_is_refused_once_the_spec_is_another(ask, has) -> None:
    has("submit", "--plan")
    saved = ask("stratos plan my-logs --out plan.json")
    assert json.loads(ask("cat plan.json").output)["format_version"] == 1, saved.output
    ask("cp -r my-logs changed && sed -i 's/_budget_usd: 50/_budget_usd: 40/' changed/spec.yaml")
    refused = ask("stratos submit changed --plan plan.json")
    assert refused.exit_code != 0
    assert "plan" in refused.output


def test_the_command_line_says_its_version_and_completes_itself(ask) -> None:
    assert ask("stratos --version").output.startswith("stratos ")
    asked = "_STRATOS_COMPLETE=complete_bash COMP_WORDS='stratos su' COMP_CWORD=1 stratos"
    assert "submit" in ask(asked).output
