"""A model's folder or GGUF beside a spec, described as teacher and student and asked to render.

Only our own code reads these files here: neither transformers nor llama.cpp sees one.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stratos.catalog.cards import card_of, student_card
from stratos.catalog.chat_template import require_template, spoken
from stratos.catalog.model_card import ModelCard
from stratos.catalog.model_files import ModelFiles
from stratos.errors import SpecRejected
from stratos.spec import Weights
from stratos.spec.folder import check_folder
from stratos.spec.reader import read_document
from tests import factories
from tests.fakes import FilesInMemory
from tests.fuzz.mutations import mutated, mutated_bytes
from tests.fuzz.targets.gguf_parts import changed_gguf
from tests.tiny_gguf import write_tiny_gguf

_AS_BYTES, _TEMPLATE, _ABSENT, _CUT = 0.15, 0.04, 0.05, 0.3
_MODEL = "models/m"
_SPEC = "version: 1\nname: m\nstudents: [{path: models/m}]\n"
_INDEX = "model.safetensors.index.json"
_CONVERSATIONS = (spoken(("system", "Be brief."), ("user", "2+2?"), ("assistant", "4")),)
Folder = Mapping[str, bytes]


class ModelFolders:
    """Folders of safetensors, whole, in shards and of several parts, and GGUFs."""

    name = "model-folder"
    inputs_per_process = None

    def parents(self) -> Sequence[Folder]:
        with tempfile.TemporaryDirectory() as folder:
            gguf = write_tiny_gguf(Path(folder, "m.gguf")).read_bytes()
        return [_at(factories.model_files()), _at(_in_shards()), _at(_of_parts()), {_MODEL: gguf}]

    def mutate(self, parent: Folder, chance: random.Random) -> Folder:
        files = dict(parent)
        if chance.random() < _ABSENT:
            del files[chance.choice(sorted(files))]
            return files
        for path in chance.sample(sorted(files), k=min(len(files), chance.choice((1, 1, 2)))):
            files[path] = _changed(path, files[path], chance)
        return files

    def size(self, given: Folder) -> int:
        return sum(map(len, given.values()))

    def run(self, given: Folder) -> None:
        document = read_document(_SPEC)
        check_folder(document, lambda prefix: (path for path in given if path.startswith(prefix)))
        if problems := [one for one in document.problems if one.path.startswith("students")]:
            raise SpecRejected(problems)
        files = ModelFiles(FilesInMemory(given))
        model = Weights(path=_MODEL)
        card = card_of(model, files)
        cut = Weights(path=_MODEL, layers=2) if (card.num_layers or 0) > 2 else model
        for one in (card, student_card(cut, files)):
            assert ModelCard.model_validate_json(one.model_dump_json()) == one
        require_template(files, _MODEL, _CONVERSATIONS)

    def close(self) -> None:
        pass


def _at(files: Folder) -> Folder:
    return {f"{_MODEL}/{name}": content for name, content in files.items()}


def _in_shards() -> Folder:
    tensors = factories.qwen2_tensors(32, 4)
    names = sorted(tensors)
    parts = (names[::2], names[1::2])
    files = {
        f"model-{n}.safetensors": factories.safetensors_file({name: tensors[name] for name in part})
        for n, part in enumerate(parts)
    }
    where = {name: f"model-{n}.safetensors" for n, part in enumerate(parts) for name in part}
    kept = {k: v for k, v in factories.model_files(32, 4).items() if k != "model.safetensors"}
    return kept | files | {_INDEX: json.dumps({"metadata": {}, "weight_map": where}).encode()}


def _of_parts() -> Folder:
    files = dict(factories.model_files(32, 4))
    text = json.loads(files["config.json"]) | {
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "sliding_window": 64,
        "use_sliding_window": True,
        "max_position_embeddings": 2048,
        "rope_scaling": {"rope_type": "yarn", "factor": 2.0},
    }
    config = {"model_type": "qwen2", "text_config": text, "vision_config": {"hidden_size": 8}}
    return files | {
        "config.json": json.dumps(config).encode(),
        "chat_template.jinja": factories.CHAT_TEMPLATE.encode(),
        "generation_config.json": b'{"eos_token_id": [1, 2]}',
    }


def _changed(path: str, content: bytes, chance: random.Random) -> bytes:
    if path.endswith(".jinja"):  # to render one takes a process of its own
        return mutated_bytes(content, chance) if chance.random() < _TEMPLATE else content
    if chance.random() < _AS_BYTES:
        # Of a large file the beginning, which says what lies where.
        head = content[:2_000] if path.endswith((".safetensors", "/m")) else content
        changed = mutated_bytes(head, chance) + content[len(head) :]
        return changed[: chance.randrange(len(changed))] if chance.random() < _CUT else changed
    if path.endswith(".json"):
        return _json(_tree(path, json.loads(content), chance))
    if path.endswith(".safetensors"):
        length = int.from_bytes(content[:8], "little")
        header = _json(mutated(json.loads(content[8 : 8 + length]), chance))
        return len(header).to_bytes(8, "little") + header + content[8 + length :]
    return changed_gguf(content, chance)


def _tree(path: str, tree: Any, chance: random.Random) -> Any:
    if not path.endswith("tokenizer_config.json"):
        return mutated(tree, chance)
    if chance.random() < _TEMPLATE:
        return mutated(tree, chance)
    return tree | {"bos_token": mutated({"content": "<s>"}, chance)}


def _json(tree: Any) -> bytes:
    try:
        return json.dumps(tree).encode()
    except RecursionError:
        return b"[" * 5_000 + b"]" * 5_000
