"""Calls on a GPU, by a program of gpu_driver.py."""

import atexit
import struct
import subprocess
import tempfile
from functools import cache
from typing import NoReturn


class Driver:
    """The program, one process for many calls: a GPU takes its time to start."""

    def __init__(self, program: str) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said)
        atexit.register(self._process.kill)

    def answer(self, request: bytes, head: struct.Struct) -> bytes:
        """What it says to a call: a head, which begins with the numbers of bytes of the three parts behind it."""
        assert self._process.stdin
        try:
            self._process.stdin.write(request)
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail()
        first = self._read(head.size)
        return first + self._read(sum(head.unpack(first)[:3]))

    def _read(self, count: int) -> bytes:
        assert self._process.stdout
        data = self._process.stdout.read(count)
        if len(data) < count:
            self._fail()
        return data

    def _fail(self) -> NoReturn:
        driver.cache_clear()  # the next test gets another process
        self._said.seek(0)
        raise AssertionError(f"status {self._process.wait()}: {self._said.read().decode()[-2000:]}")


@cache
def driver(program: str) -> Driver:
    """The running program."""
    return Driver(program)
