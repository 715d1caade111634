"""What runs before a commit is what `make check` runs."""

import re

from setup import ROOT


def test_hooks_are_the_checks() -> None:
    makefile = (ROOT / "Makefile").read_text()
    [checks] = re.findall(r"^CHECKS := (.+)$", makefile, flags=re.M)
    assert re.search(r"^check: \$\(CHECKS\) ", makefile, flags=re.M)
    hooks = re.findall(r"entry: make --silent ([a-z-]+),", (ROOT / ".pre-commit-config.yaml").read_text())
    assert hooks == checks.split()
    for check in hooks:
        assert re.search(rf"^{check}: .+\n\t", makefile, flags=re.M), f"{check} is no target that does something"
