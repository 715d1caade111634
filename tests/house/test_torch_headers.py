"""Headers of older releases: out of a wheel on a server, piece by piece."""

import http.server
import importlib.util
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

import setup
from tools import torch_headers
from tools.remote_wheel import NoRanges, RemoteFile, open_wheel

MIB = 1 << 20


class Handler(http.server.SimpleHTTPRequestHandler):
    """Sends ranges, as package indexes do."""

    def do_GET(self) -> None:
        data = Path(self.translate_path(self.path)).read_bytes()
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        part = data[first : last + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class WholeFiles(http.server.SimpleHTTPRequestHandler):
    """Knows no ranges."""

    log_message = Handler.log_message


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[type[http.server.SimpleHTTPRequestHandler]], str]]:
    """Serves a wheel and gives its address."""
    with zipfile.ZipFile(tmp_path / "torch.whl", "w") as wheel:
        wheel.writestr("torch/lib/libtorch.so", bytes(8 * MIB))
        wheel.writestr("torch/include/torch/csrc/stable/tensor.h", "stable\n")
        wheel.writestr("torch/include/torch/headeronly/util/shim_utils.h", "header only\n")
        wheel.writestr("torch/include/ATen/Tensor.h", "not stable\n")
        wheel.writestr("torch/lib/libtorch_cpu.so", bytes(8 * MIB))
    servers = []

    def start(handler: type[http.server.SimpleHTTPRequestHandler]) -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(tmp_path)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/torch.whl"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_stable_headers_and_nothing_else(
    serve: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = serve(Handler)
    monkeypatch.setattr(torch_headers, "BUILD", tmp_path / "build")
    monkeypatch.setattr(torch_headers, "wheel_url", lambda requirement: url)
    folder = torch_headers.headers("2.10.0")
    found = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert found == {
        "torch/csrc/stable/tensor.h": "stable\n",
        "torch/headeronly/util/shim_utils.h": "header only\n",
    }
    monkeypatch.setattr(torch_headers, "wheel_url", lambda requirement: pytest.fail("fetched twice"))
    assert torch_headers.headers("2.10.0") == folder


def test_a_build_without_torch_takes_those_of_the_oldest_release(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert setup.torch_headers() == Path(torch.__file__).parent / "include"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(torch_headers, "headers", lambda version: tmp_path / version)
    assert setup.torch_headers() == tmp_path / f"{setup.TORCH_TARGET}.0"


def test_few_bytes_are_read(serve: Callable[..., str]) -> None:
    wheel = open_wheel(serve(Handler))
    assert wheel.read("torch/include/torch/csrc/stable/tensor.h") == b"stable\n"
    buffer = wheel.fp
    assert 0 < buffer.raw.bytes_read < 4 * MIB < buffer.raw.size


def test_a_server_without_ranges_is_refused(serve: Callable[..., str]) -> None:
    with pytest.raises(NoRanges, match="sends whole wheels only"):
        RemoteFile(serve(WholeFiles))


def test_the_oldest_release_that_is_promised_is_compiled_against() -> None:
    promised = f'"torch>={setup.TORCH_TARGET}"'
    assert promised in (setup.ROOT / "pyproject.toml").read_text()
    assert torch_headers.VERSIONS[0] == f"{setup.TORCH_TARGET}.0"
