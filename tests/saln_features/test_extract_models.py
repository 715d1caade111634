"""Models by name, as far as no library of others is needed; tests/integrations has the real ones."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from saln import extract

MAKER = """
import torch
from beside import WIDTH

def make_model():
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, WIDTH))

nothing = 5
"""


def test_a_function_in_a_file(images: Tensor, out: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MAKER)
    (tmp_path / "beside.py").write_text("WIDTH = 7\n")
    path = list(sys.path)
    found = extract(f"{tmp_path}/mine.py:make_model", images, out, progress=False)
    assert (found.width, found.model and found.model["name"]) == (7, "mine.py:make_model")
    assert sys.path == path
    for name, message in (("nothing", "no function nothing"), ("other", "no function other")):
        with pytest.raises(ValueError, match=message):
            extract(f"{tmp_path}/mine.py:{name}", images, out, progress=False)
    with pytest.raises(ValueError, match="the file is not there"):
        extract(f"{tmp_path}/other.py:make_model", images, out, progress=False)


@pytest.mark.parametrize(
    ("name", "extra", "module"),
    [
        ("timm:resnet18", "timm", "timm"),
        ("transformers:bert", "transformers", "transformers"),
        ("sentence-transformers:mini", "sentence-transformers", "sentence_transformers"),
    ],
)
def test_a_library_that_is_missing(
    out: Path, monkeypatch: pytest.MonkeyPatch, name: str, extra: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # type: ignore[arg-type]
    with pytest.raises(ImportError, match=rf"{extra} models need {extra} .*: pip install 'saln-kernels\[{extra}\]'"):
        extract(name, ["a text"], out, progress=False)


def test_a_library_that_does_not_load(out: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It said only that an operator does not exist."""
    (tmp_path / "timm.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    with pytest.raises(ImportError, match=r"timm does not load: operator torchvision::nms .*install the one of this"):
        extract("timm:resnet18", torch.zeros(4, 3, 8, 8), out)


class Network(nn.Module):
    """Means of the channels, as a model of timm's would give, and the configuration by which one is known."""

    __module__ = "timm.models.tiny"
    pretrained_cfg: Any = SimpleNamespace()

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3)) * self.scale


def transform(picture: Image.Image) -> Tensor:
    """Black is -1, white 1."""
    assert picture.mode == "RGB"
    return torch.from_numpy(np.asarray(picture.resize((4, 4)), np.float32)).permute(2, 0, 1) / 127.5 - 1


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A library with timm's functions, as far as they are called; and what it was asked for."""
    asked: list[Any] = []

    def create_model(name: str, pretrained: bool, num_classes: int) -> nn.Module:
        asked.append((name, pretrained, num_classes))
        if name == "unknown":
            raise RuntimeError("Unknown model (unknown)")
        return Network()

    data = ModuleType("timm.data")
    data.resolve_model_data_config = lambda model: {"model": model}  # type: ignore[attr-defined]
    data.create_transform = lambda model, is_training: transform  # type: ignore[attr-defined]
    library = ModuleType("timm")
    library.create_model, library.data = create_model, data  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "timm", library)
    monkeypatch.setitem(sys.modules, "timm.data", data)
    return asked


@pytest.mark.parametrize("kind", ["pictures", "arrays", "tensors"])
def test_timm_models_have_their_own_transform(timm: list[Any], out: Path, kind: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 6, 6, 3), dtype=np.uint8)
    data: dict[str, Any] = {
        "pictures": [Image.fromarray(each) for each in pixels],
        "arrays": pixels,
        "tensors": torch.from_numpy(pixels).permute(0, 3, 1, 2),
    }
    found = extract("timm:tiny", data[kind], out, progress=False, pretrained=False).tensor()
    want = torch.stack([transform(Image.fromarray(each)) for each in pixels]).mean((2, 3))
    torch.testing.assert_close(found, want)
    assert timm == [("tiny", False, 0)]
    torch.testing.assert_close(extract(Network(), data[kind], out, progress=False).tensor(), want)


def test_tensors_that_are_prepared_already_are_left(timm: list[Any], images: Tensor, out: Path) -> None:
    found = extract("timm:tiny", images, out, progress=False).tensor()
    torch.testing.assert_close(found, images.mean((2, 3)))
    assert timm == [("tiny", True, 0)]
    halved = extract("timm:tiny", images, out, progress=False, transform=lambda image: image / 2).tensor()
    torch.testing.assert_close(halved, images.mean((2, 3)) / 2)
    with pytest.raises(ValueError, match="model is 'timm:unknown': Unknown model"):
        extract("timm:unknown", images, out, progress=False)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_pictures_for_a_module_without_a_transform(out: Path, mode: str) -> None:
    pictures = [Image.new("RGB", (5, 4), (255, shade, 0)).convert(mode) for shade in (0, 51)]
    found = extract(nn.Identity(), pictures, out, progress=False).tensor()
    want = torch.stack([torch.from_numpy(np.asarray(each.convert("RGB")) / 255) for each in pictures]).mean((1, 2))
    torch.testing.assert_close(found, want.float())
