"""A spec's folder is described to the planner as the pipeline would describe it."""

from __future__ import annotations

from pathlib import Path

from stratos.planning.forecast.workload import workload_of
from stratos.planning.offline.folder import request_of_folder
from tests import factories
from tests.unit.stratos.planning.planning_inputs import catalog, cpu


def test_prompts_have_the_system_prompt_that_the_students_template_adds(tmp_path: Path) -> None:
    for name, content in factories.spec_folder().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    folder, spec = tmp_path, factories.spec()
    before = request_of_folder(folder, spec, catalog(cpu()))
    (plain,) = before.students
    assert plain.template_tokens == len("<|user|><|assistant|>")
    own = "{% if messages[0].role != 'system' %}Hand tiles{% endif %}" + factories.CHAT_TEMPLATE
    (tmp_path / "models/student/chat_template.jinja").write_text(own)
    after = request_of_folder(folder, spec, catalog(cpu()))
    (told,) = after.students
    assert told.template_tokens == plain.template_tokens + 2
    assert after.teachers == before.teachers
    longer = workload_of(after, None, student=told).prompt_tokens
    assert longer == workload_of(before, None, student=plain).prompt_tokens + 2
