"""Our `tool_call` verifier held to the checker of the Berkeley Function Calling Leaderboard.

    pip install --no-deps --require-hashes --target DIR -r benchmarks/requirements-bfcl.txt
    python -m benchmarks.bfcl_agreement --bfcl DIR            prints where the two differ
    python -m benchmarks.bfcl_agreement --bfcl DIR --write    into benchmarks/results/ as well

Both judge the same answers: the right ones that the leaderboard lists for its Python functions,
written as calls, and the same altered one way at a time. `ALTERATIONS` says what an alteration
does to a right answer (some hit upon another one that is listed, too), and `WHO_IS_RIGHT` who is
right where the two differ; a difference of another kind ends the comparison. Ours is asked twice,
with texts compared exactly and with `text: normalised`; the leaderboard drops case, blanks and
some punctuation from texts. Of the package, only data files and the AST checker are used.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import types
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bfcl_cases import ALTERATIONS, Calls, Case, cases, our_gold, right_calls
from benchmarks.tables import print_table
from stratos.scoring.verifiers import is_correct
from stratos.spec import ToolCalls

RESULT = Path(__file__).parent / "results" / "bfcl_agreement.json"
PACKAGE = "bfcl-eval==2026.3.23"
EXACT = ToolCalls(kind="tool_call")
NORMALISED = ToolCalls(kind="tool_call", text="normalised")
BREAKS_ITS_SCHEMA = "its answer breaks its function's schema"
WHO_IS_RIGHT = {
    BREAKS_ITS_SCHEMA: "neither: ours follows the answer, theirs the schema",
    "left out, though the schema requires it": "neither: ours follows the answer, theirs the "
    "schema",
    "10.0 for 10": "ours: they are one JSON value, and both are of JSON Schema's type integer",
    "paired in the order of the answers": "ours: each call has a right one of its own; theirs "
    "gives the first call that fits away, though only it fits the next answer",
    "blanks between words": "a matter of taste: theirs drops them, ours makes one of several",
}
_REASONS = {
    "optional arguments left out": "left out, though the schema requires it",
    "whole number as a decimal": "10.0 for 10",
    "calls in another order": "paired in the order of the answers",
    "text without its blanks": "blanks between words",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bfcl", type=Path, required=True, help=f"where {PACKAGE} is installed")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    result = compared(list(cases(arguments.bfcl)), their_checker(arguments.bfcl))
    print_table([{"alteration": name, **row} for name, row in result["alterations"].items()])
    print(json.dumps({name: result[name] for name in ("total", "differences")}, indent=2))
    if arguments.write:
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def their_checker(package: Path) -> Callable[[Case, Calls], bool]:
    """The AST checker. Its table of models imports every provider's SDK, and says only which of
    them write `_` for a dot in a name, so it gets another one."""
    sys.path.insert(0, str(package))
    table = types.ModuleType("bfcl_eval.constants.model_config")
    plain = types.SimpleNamespace(underscore_to_dot=False)
    table.MODEL_CONFIG_MAPPING = {"any": plain}  # type: ignore[attr-defined]
    sys.modules[table.__name__] = table
    for parser in ("tree_sitter", "tree_sitter_java", "tree_sitter_javascript"):
        sys.modules.setdefault(parser, types.ModuleType(parser))
    module = importlib.import_module("bfcl_eval.eval_checker.ast_eval.ast_checker")
    language = importlib.import_module("bfcl_eval.constants.enums").Language.PYTHON

    def judge(case: Case, calls: Calls) -> bool:
        written = [{call["name"]: call["arguments"]} for call in calls]
        said = module.ast_checker(
            case.functions, written, case.possible, language, case.category, "any"
        )
        return bool(said["valid"])

    return judge


def compared(found: list[Case], theirs: Callable[[Case, Calls], bool]) -> dict[str, Any]:
    """Ask both about every answer, count, and say who is right where they differ.

    Raises:
        SystemExit: where they differ for a reason that nobody has looked at.
    """
    refused = {case.name for case in found if not theirs(case, right_calls(case))}
    table: dict[str, dict[str, Any]] = {}
    differences = Counter[str]()
    for name, alteration in ALTERATIONS.items():
        row = Counter[str](dict.fromkeys(FIGURES, 0))
        for case in found:
            calls = alteration.make(case)
            if calls is None:
                continue
            row += (answer := _judged(case, calls, theirs))
            if not answer["agree_normalised"]:
                reason = BREAKS_ITS_SCHEMA if case.name in refused else _REASONS.get(name)
                if reason is None:
                    raise SystemExit(f"{case.name}, {name}: the two differ; find out why")
                differences[reason] += 1
        table[name] = {"is_right": alteration.is_right, **{key: row[key] for key in FIGURES}}
    told = {
        reason: {"answers": differences[reason], "who_is_right": who}
        for reason, who in WHO_IS_RIGHT.items()
    }
    total = {key: sum(row[key] for row in table.values()) for key in FIGURES}
    return {
        "package": PACKAGE,
        "cases": len(found),
        "total": total,
        "differences": told,
        "alterations": table,
    }


FIGURES = (
    "answers",
    "right_exact",
    "right_normalised",
    "right_there",
    "agree_exact",
    "agree_normalised",
)


def _judged(case: Case, calls: Calls, theirs: Callable[[Case, Calls], bool]) -> Counter[str]:
    said, gold, there = json.dumps(calls), our_gold(case), theirs(case, calls)
    exact, normalised = is_correct(EXACT, said, gold), is_correct(NORMALISED, said, gold)
    judged = (True, exact, normalised, there, exact == there, normalised == there)
    return Counter(dict(zip(FIGURES, map(int, judged), strict=True)))


if __name__ == "__main__":
    main()
