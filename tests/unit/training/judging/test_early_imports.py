"""What of a checker's file is imported before it is confined. The process itself is in
`test_checker_process.py`.
"""

import ast
import importlib
import sys
import textwrap

import pytest

from training.judging import early_imports
from training.judging.early_imports import import_early, named_attributes, named_modules


def test_imports_are_found_wherever_they_stand():
    source = "import a.b\ndef f():\n    from c import d as e, f\nfrom . import g\nfrom .h import i"
    assert list(named_modules(ast.parse(source))) == ["a.b", "c", "c.d", "c.f"]


def test_names_of_imported_modules_are_found_by_every_name_that_the_file_gives_them():
    source = """
        import a.b
        import c.d as e
        from f import g as h
        from . import ours
        def check():
            a.b.one(e.two.three, h.four(), unknown.five, ours.six, "".seven, a.b.one().eight)
    """
    assert named_attributes(ast.parse(textwrap.dedent(source))) == [
        ("a", "b"),
        ("a", "b", "one"),
        ("c.d", "two"),
        ("c.d", "two", "three"),
        ("f", "g"),
        ("f", "g", "four"),
    ]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Packages that lie in a folder, and an interpreter that forgets them."""
    for name, text in {
        "lazy_one/__init__": """
            import importlib
            def __getattr__(name):
                if name in ("inner", "broken"):
                    return importlib.import_module(f"lazy_one.{name}")
                raise AttributeError(name)
        """,
        "lazy_one/inner": "",
        "lazy_one/broken": "raise OSError('libbroken.so: cannot open shared object file')",
        "needs": "import nowhere_to_be_found",
    }.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(early_imports, "loaded_packages", list)  # whatever other tests have loaded
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith(("lazy_one", "needs")):
            del sys.modules[name]


def test_a_module_that_its_package_imports_when_it_is_named_is_there(installed):
    import_early(ast.parse("import lazy_one as one\ndef f(): return one.inner.VALUE, one.absent"))
    assert "lazy_one.inner" in sys.modules
    assert "lazy_one.broken" not in sys.modules


@pytest.mark.parametrize(
    ("source", "module", "told"),
    [
        (
            "from lazy_one import broken",
            "lazy_one.broken",
            "^importing lazy_one.broken failed with OSError: libbroken.so: cannot open",
        ),
        ("import needs", "needs", "^No module named 'nowhere_to_be_found'$"),
        ("import lazy_one.absent", "lazy_one.absent", "^No module named 'lazy_one.absent'$"),
    ],
    ids=["a library is missing", "a module needs another", "no such module"],
)
def test_what_an_import_failed_with_is_told_where_the_file_imports_it(
    installed, monkeypatch, source, module, told
):
    import_early(ast.parse(source))
    finders = [finder for finder in sys.meta_path if type(finder).__name__ == "KeptModules"]
    monkeypatch.setattr(sys, "meta_path", finders)  # as where no file can be read
    with pytest.raises(ImportError, match=told):
        importlib.import_module(module)
