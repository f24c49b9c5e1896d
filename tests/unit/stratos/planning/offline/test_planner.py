"""One folder, planned as it stands and as it might be."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from stratos.planning.offline import planner as module
from stratos.planning.offline.planner import OfflinePlanner
from tests import factories
from tests.unit.stratos.planning.planning_inputs import catalog, cpu


@pytest.fixture
def planner(tmp_path: Path) -> OfflinePlanner:
    for name, content in factories.spec_folder().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return OfflinePlanner(tmp_path, (tmp_path / "spec.yaml").read_bytes(), catalog(cpu()))


def test_a_dataset_is_inspected_once_for_all_plans_of_one_task(
    planner: OfflinePlanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspected = []
    inspect = module.see_dataset

    def counted(folder: Path, task: object) -> object:
        inspected.append(task)
        return inspect(folder, task)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "see_dataset", counted)
    planner.plans()
    planner.plans(["load.requests_per_second=2"])
    assert len(inspected) == 1
    planner.plans(["task.heldout_records=50"])
    assert len(inspected) == 2


def test_a_plan_is_made_from_these_bytes_and_these_records(planner: OfflinePlanner) -> None:
    facts = planner.request().dataset
    basis = planner.basis(facts)
    assert basis.spec_sha256 == hashlib.sha256(planner.content).hexdigest()
    assert basis.num_records["heldout"] == facts.num_heldout > 0
    dataset = planner.folder / "dataset.jsonl"
    dataset.write_bytes(dataset.read_bytes() + b"\n")
    assert planner.basis(facts).dataset_sha256 != basis.dataset_sha256
