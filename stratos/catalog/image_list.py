"""Images out of the tables of `sagemaker-core`, AWS's own SDK: which exist, and in which regions.

What the SDK does not say (Python inside, end of support) stands here with its source.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from stratos.catalog.images import Architecture, Image, ImageKind, Images, LlamaCppBuilds
from stratos.catalog.servers import Runtime

Config = Mapping[str, Any]
"""One `image_uri_config/*.json` of sagemaker-core."""

_CONTAINERS = "aws/deep-learning-containers@e0ecede (2026-08-21)"
_POLICY = f"{_CONTAINERS}, docs/src/templates/reference/support_policy.template.md"
_OTHER_DOMAINS = ("eu-isoe-", "eusc-", "us-iso")
"""Regions of partitions whose registries `images.py` cannot spell."""
_LIST = re.compile(r'\[\s+("[^\]]*")\s+\]')
_CUDA = re.compile(r"\bcu(\d\d)(\d)\b")


@dataclass(frozen=True)
class ImageChoice:
    """An image that Stratos uses, and what is known of it from elsewhere."""

    kind: ImageKind
    runtime: Runtime
    config: str
    version: str | None
    """As the config names it; None for the newest."""
    python: str
    support: str
    """What AWS says of its support, and where."""
    end_of_support: date | None = None
    architecture: Architecture = "x86_64"


_PYTORCH_SUPPORT = (
    "No end is stated: AWS's table of ends of patch has PyTorch up to 2.10, whose Ubuntu images it "
    f"asks to leave for those on Amazon Linux 2023 ({_POLICY}). 2.13 was released on 2026-07-20 "
    "(docs/pytorch/changelog)."
)
_LLAMA_CPP_SUPPORT = f"No end is stated: the table does not name llama.cpp ({_POLICY})."
_VLLM_SUPPORT = (
    f"The latest release only; security patches of images on Ubuntu are not guaranteed ({_POLICY})."
)
CHOICES = (
    ImageChoice("training", "cpu", "pytorch-amzn2023", "2.13", "3.12", _PYTORCH_SUPPORT),
    ImageChoice("training", "cuda", "pytorch-amzn2023", "2.13", "3.12", _PYTORCH_SUPPORT),
    ImageChoice("llm", "cuda", "vllm", None, "3.12", _VLLM_SUPPORT),
    ImageChoice("llama_cpp", "cpu", "llama-cpp", "1", "3.12", _LLAMA_CPP_SUPPORT),
    ImageChoice(
        "llama_cpp",
        "cpu",
        "llama-cpp-arm64",
        "1",
        "3.12",
        _LLAMA_CPP_SUPPORT,
        architecture="arm64",
    ),
)
_OLDEST = timedelta(days=365)
"""After so long somebody has to look again, as no end of support is stated for most images."""
_LLAMA_CPP = LlamaCppBuilds(
    image_build=10433,
    image_source="aws/deep-learning-containers, docker/llama_cpp (released 2026), as read on "
    "2026-11-28",
    wheel_build=10566,
    wheel_source="PyPI xllamacpp 2026.8.10566, whose version ends in it",
)


def images_from(
    configs: Mapping[str, Config],
    version: str,
    as_of: date,
    choices: tuple[ImageChoice, ...] = CHOICES,
) -> Images:
    """The table of images.

    Args:
        configs: Name → config of sagemaker-core, of all that the choices name.
        version: Of sagemaker-core.
        as_of: An image whose support ended by then is refused.

    Raises:
        ValueError: an image that AWS no longer supports or lists, or a region with two accounts.
    """
    accounts: dict[str, str] = {}
    rows = []
    for choice in choices:
        if choice.end_of_support is not None and choice.end_of_support <= as_of:
            raise ValueError(
                f"support of {choice.config} {choice.version} ended on {choice.end_of_support}, "
                f"and the table is of {as_of}: choose a newer version"
            )
        named, entry = _entry(configs[choice.config], choice)
        registries = {
            region: account
            for region, account in sorted(entry["registries"].items())
            if not region.startswith(_OTHER_DOMAINS)
        }
        for region, account in registries.items():
            if accounts.setdefault(region, account) != account:
                raise ValueError(
                    f"{region} has the registries {accounts[region]} and {account}: the table "
                    "needs an account for each image"
                )
        rows.append(_row(choice, named, entry, tuple(registries)))
    return Images(
        source=f"sagemaker-core {version} (PyPI, Apache-2.0), sagemaker/core/image_uri_config/"
        f"{{{','.join(sorted({choice.config for choice in choices}))}}}.json; Python and support: "
        f"{_CONTAINERS}",
        as_of=as_of,
        llama_cpp=_LLAMA_CPP,
        accounts=dict(sorted(accounts.items())),
        images=tuple(rows),
    )


def out_of_date(table: Images, today: date) -> list[str]:
    """What makes a table unfit to be used any longer; nothing of an image that states no end."""
    found = [
        f"support of {row.image} ended on {row.end_of_support}: choose a newer version"
        for row in table.images
        if row.end_of_support is not None and row.end_of_support <= today
    ]
    if today - table.as_of > _OLDEST:
        found.append(
            f"it is of {table.as_of}, more than 12 months ago: raise sagemaker-core, look up what "
            "AWS says of support, and run `make images`"
        )
    return found


def text_of(table: Images) -> str:
    """The file: one line for the regions of an image."""
    text = json.dumps(table.model_dump(mode="json"), indent=2, ensure_ascii=False)
    return _LIST.sub(lambda found: "[" + " ".join(found[1].split()) + "]", text) + "\n"


def _entry(config: Config, choice: ImageChoice) -> tuple[str, Config]:
    """The version that is chosen, and what the config says of it."""
    scoped = config.get("training" if choice.kind == "training" else "inference", config)
    versions: Mapping[str, Config] = scoped["versions"]
    named = choice.version or list(versions)[-1]
    if named not in versions:
        raise ValueError(
            f"{choice.config} has no version {named}; it has {', '.join(versions)}: choose another"
        )
    return named, versions[named]


def _row(choice: ImageChoice, version: str, entry: Config, regions: tuple[str, ...]) -> Image:
    processor = "gpu" if choice.runtime == "cuda" else "cpu"
    container = entry["container_version"][processor]
    parts = [entry["tag_prefix"]]
    if entry.get("processor_in_tag", True):
        parts += [processor, *entry["py_versions"]]
    tag = "-".join([*parts, container])
    cuda = _CUDA.search(tag)
    return Image(
        kind=choice.kind,
        runtime=choice.runtime,
        architecture=choice.architecture,
        image=f"{entry['repository']}:{tag}",
        version=version,
        python=choice.python,
        cuda=f"{cuda[1]}.{cuda[2]}" if cuda else None,
        end_of_support=choice.end_of_support,
        support=choice.support,
        regions=regions,
    )
