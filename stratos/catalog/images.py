"""Container images: AWS Deep Learning Containers by region, frozen from the `sagemaker` package."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Literal

from stratos.catalog.servers import Runtime
from stratos.catalog.shipped import shipped_text
from stratos.frozen import FrozenModel

ImageKind = Literal["training", "inference", "llm"]

LOCAL_PREFIX = "ml.local."
_LOCAL_REGION = "us-east-1"
_CUDA_FAMILIES = ("g", "p")
_NEURON_FAMILIES = ("inf", "trn")


class Image(FrozenModel):
    kind: ImageKind
    runtime: Runtime
    image: str
    regions: tuple[str, ...]


class Images(FrozenModel):
    """The frozen table: which registry account serves a region, and which image it holds."""

    source: str
    as_of: date
    accounts: dict[str, str]
    images: tuple[Image, ...]


def image_uri(kind: ImageKind, region: str, instance_type: str) -> str:
    """The image for a job or endpoint on an instance type.

    This machine's own servers get the CPU image of us-east-1: a name only, nothing is pulled.

    Raises:
        ValueError: where AWS offers no such image for the runtime or the region.
    """
    if instance_type.startswith(LOCAL_PREFIX):
        region = _LOCAL_REGION
    table = images()
    runtime = runtime_of(instance_type)
    offered = [row for row in table.images if (row.kind, row.runtime) == (kind, runtime)]
    if not offered:
        runtimes = sorted({row.runtime for row in table.images if row.kind == kind})
        raise ValueError(
            f"no {kind} image runs on {instance_type} ({runtime}); "
            f"{kind} images exist for {', '.join(runtimes)}: choose another instance type"
        )
    for row in offered:
        if region in row.regions:
            suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
            return f"{table.accounts[region]}.dkr.ecr.{region}.{suffix}/{row.image}"
    raise ValueError(
        f"no {kind} image for {runtime} in {region!r}; offered in "
        f"{', '.join(sorted({r for row in offered for r in row.regions}))}"
    )


def serving_image(region: str, instance_type: str) -> tuple[str, Runtime]:
    """The image behind an endpoint, and what it runs on: our server on CPUs, vLLM on GPUs."""
    runtime = runtime_of(instance_type)
    return image_uri("llm" if runtime == "cuda" else "inference", region, instance_type), runtime


def runtime_of(instance_type: str) -> Runtime:
    """What the family of an instance type runs on."""
    parts = instance_type.removeprefix("ml.").split(".")
    family = parts[0]
    if family.startswith(_NEURON_FAMILIES):
        return "neuron"
    return "cuda" if family.startswith(_CUDA_FAMILIES) else "cpu"


@cache
def images() -> Images:
    """The shipped table."""
    return Images.model_validate_json(shipped_text("images.json"))
