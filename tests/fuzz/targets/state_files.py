"""What an embedded cloud saved, with its journal, restored into a cloud without anything."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from moto.moto_api._internal.models import moto_api_backend

from infra.local.host.settings import LocalSettings
from infra.local.saved.state import SavedState
from infra.local.server import LocalCloud
from tests.fuzz.mutations import mutated, mutated_bytes

CORPUS = Path(__file__).parents[1] / "corpus" / "state"
_AS_BYTES = 0.25
Files = Mapping[str, bytes]


class StateFiles:
    """The files of a state directory: a whole save, one with a journal, a journal alone."""

    name = "state-file"
    inputs_per_process = 100
    """A restore starts executions and deliveries, and moto keeps what resets do not reach."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="stratos-fuzz-")
        moto_api_backend.reset()  # of what other tests of this process left
        self._cloud = LocalCloud(LocalSettings(state_dir=Path(self._folder.name, "cloud")))
        self._settings = self._cloud.start()
        self._count = 0

    def parents(self) -> Sequence[Files]:
        return [_files_in(folder) for folder in sorted(CORPUS.iterdir())]

    def mutate(self, parent: Files, chance: random.Random) -> Files:
        files = dict(parent)
        path = chance.choice(sorted(name for name in files if "/" not in name and files[name]))
        if chance.random() < _AS_BYTES:
            return files | {path: mutated_bytes(files[path], chance)}
        if path.endswith(".json"):
            return files | {path: _json(mutated(json.loads(files[path]), chance))}
        lines = [json.loads(line) for line in files[path].splitlines() if line]
        place = chance.randrange(len(lines))
        lines[place] = mutated(lines[place], chance)
        return files | {path: b"".join(_json(line) + b"\n" for line in lines)}

    def size(self, given: Files) -> int:
        return sum(map(len, given.values()))

    def run(self, given: Files) -> None:
        self._count += 1
        moto_api_backend.reset()
        state_dir = Path(self._folder.name, str(self._count))
        (state_dir / "objects").mkdir(parents=True)
        for path, content in given.items():
            file = state_dir / "saved" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        update = {"state_dir": state_dir}
        saved = SavedState(self._settings.model_copy(update=update))
        try:
            saved.restore()
            saved.save()
        finally:
            saved.close()

    def close(self) -> None:
        moto_api_backend.reset()
        self._cloud.stop(save=False)
        self._folder.cleanup()


def _files_in(folder: Path) -> Files:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _json(tree: object) -> bytes:
    try:
        return json.dumps(tree).encode()
    except RecursionError:
        return b'{"format": ' + b"[" * 3_000 + b"]" * 3_000 + b"}"
