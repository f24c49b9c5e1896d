"""A spec's file, read as a bucket's and planned on as far as it needs no catalog."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml

from stratos.scoring.gold import gold_fault, gold_in
from stratos.scoring.reply import judge_reply
from stratos.scoring.verifiers import needs_gold
from stratos.spec import LlmJudge, Spec
from stratos.spec.folder import RunningStack, read_spec_in_folder
from stratos.spec.schedule import next_times, parse_schedule
from tests import factories
from tests.fuzz.mutations import mutated, mutated_bytes

CORPUS = Path(__file__).parents[1] / "corpus" / "specs"
_STACK = RunningStack("stratos", "us-east-1", ("eu-west-1",), ("models.internal",))
_ANSWERS = ("72", "#### 72", '{"a": 1}', "a, b", "", "\u0301" * 50, "spam", "[" * 2_000)
_FROM = datetime(2026, 1, 1, tzinfo=UTC)
_AS_BYTES = 0.1


class Specs:
    """YAML files of a spec, beside the files that the valid ones name."""

    name = "spec"
    inputs_per_process = None

    def __init__(self) -> None:
        self._files = sorted(factories.spec_folder())

    def parents(self) -> Sequence[bytes]:
        return [path.read_bytes() for path in sorted(CORPUS.glob("*.yaml"))]

    def mutate(self, parent: bytes, chance: random.Random) -> bytes:
        if chance.random() < _AS_BYTES:
            return mutated_bytes(parent, chance)
        tree = mutated(yaml.safe_load(parent), chance)
        return yaml_text(tree, chance).encode("utf-8", "surrogatepass")

    def size(self, given: bytes) -> int:
        return len(given)

    def run(self, given: bytes) -> None:
        spec = read_spec_in_folder(given, self._listed, None, _STACK)
        assert Spec.model_validate_json(spec.model_dump_json()) == spec
        _judge(spec)
        if spec.schedule is not None:
            next_times(parse_schedule(spec.schedule, spec.schedule_timezone), _FROM, 3)

    def close(self) -> None:
        pass

    def _listed(self, prefix: str) -> Iterator[str]:
        return (name for name in self._files if name.startswith(prefix))


def _judge(spec: Spec) -> None:
    task = spec.task
    if isinstance(task.verifier, LlmJudge):
        return
    for text in _ANSWERS:
        gold = gold_in(text, task.verifier, task.answer_marker)
        if gold is not None:
            gold_fault(task.verifier, gold)
        if gold is not None or not needs_gold(task.verifier):
            judge_reply(
                text,
                finished=True,
                marker=task.answer_marker,
                verifier=task.verifier,
                gold=gold,
            )


def yaml_text(tree: object, chance: random.Random) -> str:
    """A tree in one of the forms that people write."""
    try:
        text: str = yaml.safe_dump(
            tree,
            sort_keys=False,
            allow_unicode=chance.random() < 0.7,
            default_flow_style=chance.random() < 0.2,
            width=chance.choice((80, 100_000)),
        )
    except RecursionError:  # PyYAML cannot write it, but others can
        return flow_text(tree)
    if chance.random() < 0.03:
        lines = text.splitlines(keepends=True)
        lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
        text = "".join(lines)
    return text


def flow_text(tree: object) -> str:
    """A deep tree as brackets, without recursion."""
    parts: list[str] = []
    waiting: list[object] = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, _Written):
            parts.append(one)
        elif isinstance(one, dict):
            inner: list[object] = [_Written("{")]
            for key, value in one.items():
                inner += [_Written(f"{key!r}: "), value, _Written(", ")]
            waiting += [*inner, _Written("}")][::-1]
        elif isinstance(one, list):
            inner = [_Written("[")]
            for value in one:
                inner += [value, _Written(", ")]
            waiting += [*inner, _Written("]")][::-1]
        else:
            parts.append(repr(one) if isinstance(one, str) else str(one))
    return "".join(parts)


class _Written(str):
    """Text that stands as it is."""
