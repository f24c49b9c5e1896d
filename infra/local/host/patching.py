"""Attributes of moto that a seam replaces, and their way back."""

from __future__ import annotations

import sys
from typing import Any


class Patches:
    """Replacements made in order and undone in reverse, so that moto is whole after `close`."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any, bool]] = []

    def replace(self, owner: Any, name: str, replacement: Any) -> Any:
        """Set `owner.name`, returning what it was (a class's raw descriptor, where it has one)."""
        own = vars(owner)
        original = own.get(name, getattr(owner, name))
        self._undo.append((owner, name, original, name in own))
        setattr(owner, name, replacement)
        return original

    def add(self, owner: Any, name: str, addition: Any) -> None:
        """Set `owner.name`, which there was not."""
        assert not hasattr(owner, name), name
        self._undo.append((owner, name, None, False))
        setattr(owner, name, addition)

    def replace_everywhere(self, package: str, function: Any, replacement: Any) -> None:
        """Replace a function in each loaded module of `package` that imported it by name."""
        for module_name, module in list(sys.modules.items()):
            if module_name.startswith(package) and module is not None:
                for name, value in list(vars(module).items()):
                    if value is function:
                        self.replace(module, name, replacement)

    def restore(self) -> None:
        while self._undo:
            owner, name, original, owned = self._undo.pop()
            if owned:
                setattr(owner, name, original)
            else:
                delattr(owner, name)
