"""Files out of a wheel of the package index, without the rest of it: a wheel is a zip, read by HTTP ranges."""

import io
import json
import re
import subprocess
import sys
import urllib.request
import zipfile

# Python sources and headers are the same in the wheels of every platform: one that pip finds from any machine.
ANY_PLATFORM = ("--python-version", "3.11", "--platform", "manylinux_2_28_x86_64", "--only-binary", ":all:")


class NoRanges(OSError):
    """The server sends whole files only."""


class RemoteFile(io.RawIOBase):
    """A file on a web server, read piece by piece."""

    def __init__(self, url: str) -> None:
        self.url, self.at, self.bytes_read = url, 0, 0
        self.size = int(self._get(0, 0)[1])

    def _get(self, first: int, last: int) -> tuple[bytes, str]:
        """The bytes from `first` to `last`, and how many the file has."""
        request = urllib.request.Request(
            self.url, headers={"Range": f"bytes={first}-{last}", "Accept-Encoding": "identity"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            whole = re.fullmatch(r"bytes \d+-\d+/(\d+)", answer.headers.get("Content-Range") or "")
            if answer.status != 206 or whole is None:
                raise NoRanges("the package index sends whole wheels only, wanted ranges of bytes")
            data = answer.read()
        self.bytes_read += len(data)
        return data, whole[1]

    def readable(self) -> bool:
        """Nothing else."""
        return True

    def seekable(self) -> bool:
        """To any place."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As files do."""
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        return self.at

    def readinto(self, buffer: memoryview) -> int:
        """As files do."""
        last = min(self.at + len(buffer), self.size) - 1
        if last < self.at:
            return 0
        data, _ = self._get(self.at, last)
        buffer[: len(data)] = data
        self.at += len(data)
        return len(data)


def wheel_url(requirement: str) -> str:
    """Where pip would fetch a wheel from, by the index that it is configured with."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet"]
    command += ["--report", "-", "--target", "unused", *ANY_PLATFORM, requirement]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"pip finds no wheel of {requirement}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)["install"][0]["download_info"]["url"]


def open_wheel(url: str) -> zipfile.ZipFile:
    """The wheel at an address; what lies side by side in it comes in one request per MiB."""
    return zipfile.ZipFile(io.BufferedReader(RemoteFile(url), 1 << 20))
