"""Without a trainer's library its module says which extra brings it; the rest of the package needs none of them."""

import importlib
import subprocess
import sys

import pytest

LIBRARIES = {
    "accelerate": "accelerate",
    "lightning": "lightning.pytorch",
    "tensorboard": "torch.utils.tensorboard",
    "transformers": "transformers",
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_extra_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, LIBRARIES[name], None)
    for module in [module for module in sys.modules if module.startswith(f"saln.integrations.{name}")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(ImportError, match=rf"saln\.integrations\.{name} needs {name} .*'saln-kernels\[{name}\]'"):
        importlib.import_module(f"saln.integrations.{name}")


def test_the_package_imports_none_of_them():
    names = list(LIBRARIES.values())
    program = f"import saln.integrations, sys; print([name for name in {names} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
