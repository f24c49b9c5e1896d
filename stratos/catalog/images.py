"""Container images: AWS Deep Learning Containers by region, as `image_list` froze them."""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from typing import Literal, NamedTuple

from stratos.catalog.servers import Runtime
from stratos.catalog.shipped import shipped_text
from stratos.frozen import FrozenModel

ImageKind = Literal["training", "llama_cpp", "llm"]
Architecture = Literal["x86_64", "arm64"]

LOCAL_PREFIX = "ml.local."
_LOCAL_REGION = "us-east-1"
_CUDA_FAMILIES = ("g", "p")
_NEURON_FAMILIES = ("inf", "trn")
_GRAVITON = re.compile(r"[a-z]+(?P<generation>\d+)g")
"""`c7g`, `r7gd`, `c6gn`: a `g` after the generation. `g5` and `g6e` have their `g` before it."""
_OLDEST_GENERATION = 7
"""Of Graviton families. AWS compiles llama.cpp for Graviton3 (`-mcpu=neoverse-v1`, in
docker/llama_cpp/Dockerfile.arm64.amzn2023 of aws/deep-learning-containers); Graviton2 lacks its
instructions."""


class Image(FrozenModel):
    kind: ImageKind
    runtime: Runtime
    architecture: Architecture = "x86_64"
    image: str
    version: str
    python: str
    cuda: str | None
    end_of_support: date | None
    """From then on AWS patches it no more; None where AWS names no day."""
    support: str
    """What AWS says of its support, and where."""
    regions: tuple[str, ...]


class LlamaCppBuilds(FrozenModel):
    """Which llama.cpp answers: the one in AWS's images, and the one in the wheel of this machine.

    llama.cpp has no other version than the number of its build.
    """

    image_build: int
    image_source: str
    wheel_build: int
    wheel_source: str

    @property
    def distance(self) -> int:
        """Builds by which the wheel is newer."""
        return self.wheel_build - self.image_build


class Images(FrozenModel):
    """The frozen table: which registry account serves a region, and which image it holds."""

    source: str
    as_of: date
    llama_cpp: LlamaCppBuilds
    accounts: dict[str, str]
    images: tuple[Image, ...]


def image_uri(kind: ImageKind, region: str, instance_type: str) -> str:
    """The image for a job or endpoint on an instance type.

    This machine's own servers get the CPU image of the region, or else of us-east-1: a name only,
    nothing is pulled.

    Raises:
        ValueError: where AWS offers no such image for the processor or the region.
    """
    return _offered(kind, region, instance_type)[0]


def _offered(kind: ImageKind, region: str, instance_type: str) -> tuple[str, Image]:
    """The same, with its row of the table."""
    table = images()
    wanted = (kind, runtime_of(instance_type), architecture_of(instance_type))
    offered = [row for row in table.images if (row.kind, row.runtime, row.architecture) == wanted]
    if not offered:
        kinds = sorted(
            {f"{row.runtime} on {row.architecture}" for row in table.images if row.kind == kind}
        )
        raise ValueError(
            f"no {kind} image runs on {instance_type} ({wanted[1]} on {wanted[2]}); {kind} images "
            f"exist for {', '.join(kinds)}: choose another instance type"
        )
    if _is_too_old(instance_type):
        raise ValueError(
            f"no {kind} image runs on {instance_type}: they are compiled for Graviton3, and it has "
            f"an older processor. Choose a family of generation {_OLDEST_GENERATION} or later"
        )
    if instance_type.startswith(LOCAL_PREFIX) and not any(region in r.regions for r in offered):
        region = _LOCAL_REGION
    for row in offered:
        if region in row.regions:
            suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
            return f"{table.accounts[region]}.dkr.ecr.{region}.{suffix}/{row.image}", row
    raise ValueError(
        f"no {kind} image for {wanted[1]} on {wanted[2]} in {region!r}; offered in "
        f"{', '.join(sorted({r for row in offered for r in row.regions}))}"
    )


class ServingImage(NamedTuple):
    """The image behind an endpoint, what it runs on, and the CUDA that it brings, if any."""

    uri: str
    runtime: Runtime
    cuda: str | None


def serving_image(region: str, instance_type: str) -> ServingImage:
    """The image behind an endpoint, and what it runs on: llama.cpp on CPUs, vLLM on GPUs.

    Raises:
        ValueError: where AWS offers none.
    """
    runtime = runtime_of(instance_type)
    kind: ImageKind = "llm" if runtime == "cuda" else "llama_cpp"
    uri, row = _offered(kind, region, instance_type)
    return ServingImage(uri, runtime, row.cuda)


def why_not_served(region: str, instance_type: str) -> str | None:
    """Why no image serves a model on an instance type in a region; None where one does."""
    try:
        serving_image(region, instance_type)
    except ValueError as error:
        return str(error)
    return None


def runtime_of(instance_type: str) -> Runtime:
    """What the family of an instance type runs on."""
    family = _family(instance_type)
    if family.startswith(_NEURON_FAMILIES):
        return "neuron"
    return "cuda" if family.startswith(_CUDA_FAMILIES) else "cpu"


def architecture_of(instance_type: str) -> Architecture:
    """Which machine code an instance type runs, by its family."""
    return "arm64" if _GRAVITON.match(_family(instance_type)) else "x86_64"


def _is_too_old(instance_type: str) -> bool:
    graviton = _GRAVITON.match(_family(instance_type))
    return graviton is not None and int(graviton["generation"]) < _OLDEST_GENERATION


def _family(instance_type: str) -> str:
    return instance_type.removeprefix("ml.").split(".")[0]


@cache
def images() -> Images:
    """The shipped table."""
    return Images.model_validate_json(shipped_text("images.json"))
