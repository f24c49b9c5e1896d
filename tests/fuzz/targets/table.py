"""The targets by their names."""

from __future__ import annotations

from importlib import import_module

from tests.fuzz.target import Target

TARGETS = {
    "spec": "specs.Specs",
    "dataset": "datasets.Datasets",
    "model-folder": "model_folders.ModelFolders",
    "server": "requests.Requests",
    "state-file": "state_files.StateFiles",
    "event": "events.Events",
}
"""Imported only where one is run: some of them take a second to import."""


def make_target(name: str) -> Target:
    module, _, class_name = TARGETS[name].partition(".")
    made: Target = getattr(import_module(f"tests.fuzz.targets.{module}"), class_name)()
    return made
