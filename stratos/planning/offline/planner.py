"""Plans of one folder: as its spec stands, and as it might be changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stratos.catalog.files import FilesOnDisk
from stratos.catalog.model_files import ModelFiles
from stratos.catalog.servers import ServerCatalog
from stratos.catalog.spec_models import require_models
from stratos.contracts.plan import PlanSet
from stratos.contracts.saved_plan import PlanBasis
from stratos.planning.nearest import plan_or_nearest
from stratos.planning.offline.folder import (
    DEFAULT_REGION,
    FolderDataset,
    dataset_sha256,
    request_of_folder,
    see_dataset,
)
from stratos.planning.request import DatasetFacts, PlanningRequest
from stratos.spec import Load, Spec, Task
from stratos.spec.changes import read_changed_spec
from stratos.spec.default_budget import DEFAULT_BUDGET_USD, with_default_budget
from stratos.spec.folder import files_under


@dataclass
class OfflinePlanner:
    """Asks the planner about one folder, whose dataset is inspected once.

    Attributes:
        content: Of its spec.yaml.
        region: Where the stack lives.
        worker_regions: Where it could train and serve beside.
        load: In place of the spec's, where one is given.
    """

    folder: Path
    content: bytes
    servers: ServerCatalog
    region: str = DEFAULT_REGION
    worker_regions: tuple[str, ...] = ()
    load: Load | None = None
    _seen: dict[str, FolderDataset] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self._files = ModelFiles(FilesOnDisk(self.folder))

    def spec(self, changes: Sequence[str] = ()) -> Spec:
        """The spec, with some fields as if they were written otherwise.

        Raises:
            SpecRejected: with every problem.
        """
        spec = read_changed_spec(self.content, files_under(self.folder), changes)
        require_models(spec, self._files)
        spec = with_default_budget(spec, DEFAULT_BUDGET_USD)
        return spec if self.load is None else spec.model_copy(update={"load": self.load})

    def request(self, changes: Sequence[str] = (), region: str | None = None) -> PlanningRequest:
        """What the planner is asked, in the stack's region or another.

        Raises:
            SpecRejected, DatasetRejected: with what cannot be used.
        """
        spec = self.spec(changes)
        return request_of_folder(
            self.folder,
            spec,
            self.servers,
            region or self.region,
            self.worker_regions,
            files=self._files,
            seen=self._dataset(spec.task),
        )

    def plans(self, changes: Sequence[str] = (), region: str | None = None) -> PlanSet:
        """The choice, or the nearest plans.

        Raises:
            NoFeasiblePlan: if there is no candidate at all.
        """
        return plan_or_nearest(self.request(changes, region))

    def basis(self, facts: DatasetFacts) -> PlanBasis:
        """What a plan of the spec as it stands is made from."""
        return PlanBasis(
            spec_sha256=hashlib.sha256(self.content).hexdigest(),
            dataset_sha256=dataset_sha256(self.folder, self.spec().task.dataset),
            num_records=facts.counts,
            region=self.region,
            worker_regions=self.worker_regions,
        )

    def _dataset(self, task: Task) -> FolderDataset:
        key = task.model_dump_json()
        if key not in self._seen:
            self._seen[key] = see_dataset(self.folder, task)
        return self._seen[key]
