"""The list of what is shipped."""

from __future__ import annotations

import json

from packaging.utils import canonicalize_name

from infra.packaging.lock import hashes_in, pins_in
from infra.packaging.sbom import SHIPPED, write_bom


def test_the_list_names_every_package_with_version_and_hashes_and_is_the_same_twice(tmp_path):
    locks = SHIPPED["functions"]
    bom = write_bom(tmp_path / "a.cdx.json", locks)
    again = write_bom(tmp_path / "b.cdx.json", locks)
    assert bom.read_bytes() == again.read_bytes()
    told = json.loads(bom.read_text())
    assert (told["bomFormat"], told["metadata"]["component"]["name"]) == (
        "CycloneDX",
        "stratos-distill",
    )
    listed = {
        (canonicalize_name(one["name"]), one["version"]): {
            item["content"] for link in one["externalReferences"] for item in link["hashes"]
        }
        for one in told["components"]
    }
    texts = [lock.read_text() for lock in locks]
    assert listed == {
        (canonicalize_name(name), version): set(hashes_in(text)[name])
        for text in texts
        for name, version in pins_in(text).items()
    }
