"""The catalog's container images, generated from the wheel of AWS's SDK `sagemaker-core`.

python -m infra.images                      write stratos/catalog/data/images.json as of today
python -m infra.images --check              fail when the file is not what the wheel gives
python -m infra.images --check --current    fail also when the file is out of date

Lint runs the second, which says what is out of date and does not fail for it: no day by itself
makes lint fail. Nor does a machine that cannot download the wheel. `make check-images` runs the
third. Writing refuses an image whose support has ended by today.

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
from stratos.catalog.image_list import CHOICES, images_from, out_of_date, text_of
from stratos.catalog.images import Images

LOCK = ROOT / "infra" / "packaging" / "locks" / "tooling.lock"
"""The same pin with its hash."""
TABLE = ROOT / "stratos" / "catalog" / "data" / "images.json"
_CONFIGS = "sagemaker/core/image_uri_config"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--current", action="store_true")
    asked = parser.parse_args(arguments)
    pin = pinned_sdk((ROOT / "pyproject.toml").read_text())
    today = datetime.now(UTC).date()
    if asked.check:
        return _checked(pin, today, must_be_current=asked.current)
    configs = read_configs(fetched(pin, ROOT / "build" / "tooling"))
    table = images_from(configs, pin.partition("==")[2], today)
    TABLE.write_text(text_of(table), encoding="utf-8")
    return 0


def _checked(pin: str, today: date, *, must_be_current: bool) -> int:
    """The exit code for the file as it is."""
    shipped = TABLE.read_text(encoding="utf-8")
    table = Images.model_validate_json(shipped)
    old = out_of_date(table, today)
    for line in old:
        sys.stderr.write(f"{TABLE}: {line}\n")
    try:
        wheel = fetched(pin, ROOT / "build" / "tooling")
    except subprocess.CalledProcessError:
        sys.stderr.write(f"{pin} cannot be downloaded here, so {TABLE.name} was not compared\n")
        return 1 if must_be_current else 0
    if shipped != text_of(images_from(read_configs(wheel), pin.partition("==")[2], table.as_of)):
        sys.stderr.write(f"{TABLE} is not what {pin} gives; run `make images`\n")
        return 1
    return 1 if old and must_be_current else 0


def pinned_sdk(pyproject: str) -> str:
    """The extra `tooling`: one package with its version."""
    (pin,) = tomllib.loads(pyproject)["project"]["optional-dependencies"]["tooling"]
    return str(pin)


def fetched(pin: str, folder: Path) -> Path:
    """The package's wheel, without what it depends on; downloaded once.

    Raises:
        CalledProcessError: it cannot be downloaded.
    """
    name, _, version = pin.partition("==")
    wheel = f"{name.replace('-', '_')}-{version}-*.whl"
    with exclusive(folder):
        if not list(folder.glob(wheel)):
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--disable-pip-version-check", "--retries", "1", "--dest", str(folder)]
            command += ["--require-hashes", "--requirement", str(LOCK)]
            subprocess.run(command, check=True, stderr=subprocess.PIPE)
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
