"""What the reference leaves out: special methods, which readers meet as operators. mkdocs.yml names this file."""

from __future__ import annotations

from typing import Any

import griffe


class WithoutSpecialMethods(griffe.Extension):
    """They have no entries; what `__init__` takes is shown with its class."""

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """Of every class that is read."""
        for name in [name for name in cls.members if name.startswith("__") and name != "__init__"]:
            del cls.members[name]
