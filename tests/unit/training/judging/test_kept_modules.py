"""Modules that are imported from memory once their files cannot be read."""

import importlib
import shutil
import sys

import pytest

from training.judging import kept_modules
from training.judging.kept_modules import KeptModules, loaded_packages


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose function imports from it, and its folder."""
    folder = tmp_path / "late_package"
    for name, text in {
        "__init__.py": "def value():\n    from .inner.deep import VALUE\n    return VALUE",
        "inner/__init__.py": "",
        "inner/deep.py": "from ..other import VALUE",
        "other.py": "VALUE = 'é'",
        "tests/test_other.py": "",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = set(sys.modules)
    yield importlib.import_module("late_package"), folder
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_package_imports_of_itself_what_is_gone(package):
    module, folder = package
    assert module in loaded_packages()
    kept = KeptModules()
    kept.keep([module])
    sys.meta_path.append(kept)
    shutil.rmtree(folder)
    importlib.invalidate_caches()
    assert module.value() == "é"
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("late_package.tests.test_other")


def test_a_package_that_is_too_large_is_not_kept(package, monkeypatch):
    module, _ = package
    monkeypatch.setattr(kept_modules, "MAX_BYTES", 10)
    kept = KeptModules()
    kept.keep([module])
    assert kept.find_spec("late_package.other", None) is None


def test_the_standard_library_and_our_own_packages_are_not_among_the_loaded_ones():
    names = {module.__name__ for module in loaded_packages()}
    assert not names & {"json", "stratos", "training"}
    assert "pydantic" in names


def test_the_standard_library_is_kept_without_its_programs_and_tests(monkeypatch):
    names = ("cmd", "wsgiref.util", "turtledemo.clock", "unittest.test", "site-packages")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    kept = KeptModules()
    kept.keep_standard_library()
    assert [name for name in names if kept.find_spec(name, None)] == ["cmd", "wsgiref.util"]


def test_a_kept_module_knows_its_file(package):
    module, folder = package
    kept = KeptModules()
    kept.keep([module])
    sys.meta_path.insert(0, kept)
    for name, file in (("inner", "inner/__init__.py"), ("other", "other.py")):
        found = importlib.import_module(f"late_package.{name}")
        assert found.__loader__ is kept
        assert found.__file__ == str(folder / file)


def test_a_module_that_failed_fails_in_the_same_words():
    sys.meta_path.append(KeptModules({"nowhere": ImportError("libnowhere.so is missing")}))
    try:
        for _ in range(2):
            with pytest.raises(ImportError, match=r"libnowhere\.so is missing"):
                importlib.import_module("nowhere")
    finally:
        sys.meta_path.pop()
