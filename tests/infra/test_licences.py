"""Licences of what is used: listed, and permitted."""

from __future__ import annotations

from importlib.metadata import Distribution

import pytest

from infra import licences
from infra.licences import Licensed, is_permitted, licence_of, main, refused


class Fake(Distribution):
    def __init__(self, *lines: str) -> None:
        self._text = "\n".join(("Name: fake", "Version: 1", *lines))

    def read_text(self, filename: str) -> str | None:
        return self._text if filename == "METADATA" else None

    def locate_file(self, path):
        raise NotImplementedError


def test_the_page_is_what_the_packages_say_and_each_licence_is_permitted(capsys):
    assert (main(["--check"]), capsys.readouterr().err) == (0, "")


def test_a_page_out_of_step_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(licences, "PAGE", tmp_path / "licences.md")
    assert main(["--check"]) == 1
    assert capsys.readouterr().err.endswith("run `make licences`\n")


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        (["License-Expression: MIT OR GPL-3.0-only"], "MIT OR GPL-3.0-only"),
        (["License: Apache 2.0"], "Apache-2.0"),
        (
            [
                "License: Copyright (c) somebody",
                "Classifier: License :: OSI Approved :: MIT License",
            ],
            "MIT",
        ),
        (["Classifier: License :: OSI Approved :: BSD License"], "LicenseRef-BSD"),
        (["License: my own terms"], ""),
        ([], ""),
    ],
)
def test_a_licence_is_read_from_the_words_of_its_time(lines, licence):
    assert licence_of(Fake(*lines)) == licence


@pytest.mark.parametrize(
    ("licence", "permitted"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("MPL-2.0 AND (Apache-2.0 OR AGPL-3.0-only)", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("AGPL-3.0-only", False),
        ("", False),
    ],
)
def test_a_licence_is_permitted_if_each_part_of_it_or_one_alternative_is(licence, permitted):
    assert is_permitted(licence) is permitted


def test_a_refusal_names_package_and_licence_and_says_what_to_do():
    (line,) = refused([Licensed("a", "AGPL-3.0-only", ("jobs",)), Licensed("b", "MIT", ())])
    assert line.startswith("a: AGPL-3.0-only is not permitted. Do without the package, or add")
