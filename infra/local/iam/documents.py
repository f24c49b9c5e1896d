"""Policy documents as IAM reads them: identity policies, resource policies, trust policies.

References to resources must be resolved: a value that is no text is an error, never a guess.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from infra.local.iam import patterns
from infra.local.iam.conditions import Condition, Test
from infra.local.iam.patterns import Context

Effect = Literal["Allow", "Deny"]
_NEW = "2012-10-17"
_ELEMENTS = {
    "Sid",
    "Effect",
    *("Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"),
}


@dataclass(frozen=True)
class StatementName:
    """Where a statement stands: a policy's logical id in its template, and the place in it."""

    source: str
    index: int


@dataclass(frozen=True)
class Statement:
    """One statement.

    A principal is a pair such as `("Service", "lambda.amazonaws.com")`; `*` is `("AWS", "*")`. A
    trust policy names no resource: its statements are about the role that they stand at.

    Raises:
        ValueError: A pattern or condition is not one that can be decided.
    """

    sid: str | None
    effect: Effect
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    not_principals: tuple[tuple[str, str], ...]
    conditions: tuple[Condition, ...]
    name: StatementName
    covers_action: Callable[[str], bool] = field(init=False, repr=False, compare=False)
    """Whether it speaks of an action, given in lower case."""
    _about: Callable[[str, Context], bool] = field(init=False, repr=False, compare=False)
    _tests: tuple[Test, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        compiled = {
            "covers_action": _either(self.actions, self.not_actions, _actions),
            "_about": _resources(self.resources, self.not_resources),
            "_tests": tuple(condition.compiled() for condition in self.conditions),
        }
        for name, value in compiled.items():
            object.__setattr__(self, name, value)

    def covers(self, action: str, resource: str, context: Context) -> bool:
        """Whether it speaks of this call, whoever makes it.

        Args:
            action: In lower case.
            context: Its keys in lower case.
        """
        if not self.covers_action(action) or not self._about(resource, context):
            return False
        return not self._tests or all(test(context) for test in self._tests)

    def keys(self) -> frozenset[str]:
        """The condition keys that it looks at, in lower case."""
        of_resources = map(patterns.variables, (*self.resources, *self.not_resources))
        of_conditions = (condition.keys() for condition in self.conditions)
        return frozenset[str]().union(*of_resources, *of_conditions)


def parse(document: Mapping[str, object], source: str) -> tuple[Statement, ...]:
    """Read a policy document.

    Args:
        document: As JSON gives it.
        source: What its statements are named after.

    Raises:
        ValueError: It is no policy, holds an unresolved reference, or cannot be decided here.
    """
    listed = document.get("Statement")
    statements = listed if isinstance(listed, list) else [listed]
    literal = document.get("Version") != _NEW  # the older language knows no variables
    return tuple(
        _statement(statement, StatementName(source, index), literal)
        for index, statement in enumerate(statements)
    )


def document_of(statement: Statement) -> dict[str, object]:
    """The statement as JSON, which `parse_statement` reads."""
    elements: dict[str, object] = {"Effect": statement.effect}
    if statement.sid is not None:
        elements["Sid"] = statement.sid
    for name, values in (
        ("Action", statement.actions),
        ("NotAction", statement.not_actions),
        ("Resource", statement.resources),
        ("NotResource", statement.not_resources),
    ):
        if values:
            elements[name] = list(values)
    for name, pairs in (
        ("Principal", statement.principals),
        ("NotPrincipal", statement.not_principals),
    ):
        if pairs:
            elements[name] = {
                kind: [value for other, value in pairs if other == kind] for kind, _ in pairs
            }
    conditions: dict[str, dict[str, list[str]]] = {}
    for condition in statement.conditions:
        conditions.setdefault(condition.operator, {})[condition.key] = list(condition.values)
    return elements | ({"Condition": conditions} if conditions else {})


def parse_statement(elements: object, name: StatementName) -> Statement:
    """Read one statement of a document of the version 2012-10-17."""
    return _statement(elements, name, literal=False)


def _statement(elements: object, name: StatementName, literal: bool) -> Statement:
    where = f"statement {name.index} of {name.source}"
    if not isinstance(elements, Mapping):
        raise ValueError(f"{where} is no statement: {elements!r}")
    if unknown := set(elements) - _ELEMENTS:
        raise ValueError(f"{where} has elements that are not known here: {sorted(unknown)}")
    effect = elements.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise ValueError(f"{where} neither allows nor denies: {effect!r}")
    texts = partial(_texts, where, literal)
    _require(where, elements, "Action", "NotAction")
    if "Principal" not in elements and "NotPrincipal" not in elements:
        _require(where, elements, "Resource", "NotResource")
    sid = elements.get("Sid")
    try:
        return Statement(
            sid=None if sid is None else str(sid),
            effect=effect,
            actions=texts(elements.get("Action", [])),
            not_actions=texts(elements.get("NotAction", [])),
            resources=texts(elements.get("Resource", [])),
            not_resources=texts(elements.get("NotResource", [])),
            principals=_principals(elements.get("Principal", {}), texts),
            not_principals=_principals(elements.get("NotPrincipal", {}), texts),
            conditions=_conditions(where, elements.get("Condition", {}), texts),
            name=name,
        )
    except ValueError as error:
        raise ValueError(f"{where} cannot be decided: {error}") from error


def _require(where: str, elements: Mapping[str, object], *names: str) -> None:
    if sum(bool(elements.get(name)) for name in names) != 1:
        raise ValueError(f"{where} needs one of {' and '.join(names)}")


def _texts(where: str, literal: bool, value: object) -> tuple[str, ...]:
    found = []
    for item in value if isinstance(value, list | tuple) else [value]:
        if isinstance(item, bool):
            found.append(str(item).lower())
        elif isinstance(item, str | int | float):
            found.append(str(item).replace("${", "${$}{") if literal else str(item))
        else:
            raise ValueError(f"{where} holds what is no text: {item!r}")
    return tuple(found)


def _principals(
    value: object, texts: Callable[[object], tuple[str, ...]]
) -> tuple[tuple[str, str], ...]:
    if value == "*":
        return (("AWS", "*"),)
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} is no principal")
    return tuple((str(kind), name) for kind, names in value.items() for name in texts(names))


def _conditions(
    where: str, value: object, texts: Callable[[object], tuple[str, ...]]
) -> tuple[Condition, ...]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} has a condition that is no mapping: {value!r}")
    found = []
    for operator, keys in value.items():
        if not isinstance(keys, Mapping):
            raise ValueError(f"{operator} has no keys: {keys!r}")
        found += [Condition(str(operator), str(key), texts(of)) for key, of in keys.items()]
    return tuple(found)


def _either(
    named: tuple[str, ...],
    excepted: tuple[str, ...],
    build: Callable[[Iterable[str]], Callable[[str], bool]],
) -> Callable[[str], bool]:
    if not excepted:
        return build(named)
    spared = build(excepted)
    return lambda value: not spared(value)


def _actions(listed: Iterable[str]) -> Callable[[str], bool]:
    lowered = [action.lower() for action in listed]
    exact = frozenset(action for action in lowered if not {"*", "?"} & set(action))
    wild = [patterns.text(one, wildcards=True) for one in lowered if one not in exact]
    if not wild:
        return exact.__contains__
    match = patterns.any_of(wild)
    return lambda action: action in exact or match(action, {})


def _resources(named: tuple[str, ...], excepted: tuple[str, ...]) -> Callable[[str, Context], bool]:
    if not named and not excepted:
        return lambda resource, context: True
    match = patterns.resources(named or excepted)
    if named:
        return match
    return lambda resource, context: not match(resource, context)
