"""What a function is made of, as a digest: its own code, and all that this refers to."""

from __future__ import annotations

import copyreg
import dis
import hashlib
import importlib.util
import io
import logging
import mmap
import os
import site
import sys
import sysconfig
import types
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import saln
import saln_kernels

LOOKED_UP = frozenset({"globals", "eval", "exec", "__import__", "import_module"})
"""What reaches things by a name that is made at run time: then the file counts as a whole."""
PLAIN = (type(None), type(...), int, float, complex, str, bytes, torch.dtype, torch.device, range, Path)
BY_NAME = (logging.Logger, io.IOBase, type(os.environ))
"""Known by what they are called: what they hold is of the process, not of the training."""
OF_CLASSES = frozenset({"__dict__", "__weakref__", "__doc__", "__module__", "__firstlineno__", "_abc_impl"})
PART = 1 << 24


def source_of(value: Any) -> str:
    """A digest of a function, or of any value, which is another whenever that could train otherwise.

    Functions count by their code, defaults and closure, and by the functions, classes, modules and values that the code
    refers to, on and on as far as they are the user's: of the standard library, of installed packages and of this one
    only the name counts, though not for what the user gave them. Comments, blank lines and what no function refers to
    do not count; files that are read do not, either. Values that look at the clock when they are made, say, are others
    each time.

    Parameters
    ----------
    value : object
        A function, `functools.partial`, method, callable, or an object of any kind.

    Returns
    -------
    str
        64 hexadecimal digits, the same in every process.

    Examples
    --------
    >>> from functools import partial
    >>> from saln.pilot.source import source_of
    >>> def train(rate):
    ...     return 2 * rate
    >>> [source_of(partial(train, 0.1)) == source_of(partial(train, rate)) for rate in (0.1, 0.2)]
    [True, False]
    """
    digest = hashlib.sha256()
    seen: dict[int, tuple[int, Any]] = {}  # the value too, so that no other gets its id
    todo = deque([value])
    while todo:
        each = todo.popleft()
        if isinstance(each, PLAIN):
            digest.update(f"{type(each).__name__} {each!r};".encode("utf-8", "surrogatepass"))
            continue
        if id(each) in seen:
            digest.update(f"seen {seen[id(each)][0]};".encode())
            continue
        seen[id(each)] = len(seen), each
        if isinstance(each, torch.Tensor | np.ndarray) and each.dtype != object:
            for content in _of_array(each):
                digest.update(content)
            continue
        name, parts = _parts(each)
        digest.update(f"{name} {len(parts)};".encode("utf-8", "surrogatepass"))
        todo.extendleft(reversed(parts))
    return digest.hexdigest()


def _parts(value: Any) -> tuple[str, list[Any]]:
    """What it is called, and what it consists of."""
    if isinstance(value, types.FunctionType):
        return _of_function(value)
    if isinstance(value, types.CodeType):
        return "code", _of_code(value)
    if isinstance(value, types.ModuleType):
        return value.__name__, [] if is_installed(value) else _of_mapping(_public(vars(value)))
    if isinstance(value, type):
        return _of_class(value)
    if isinstance(value, types.MethodType | types.BuiltinFunctionType):
        return _name(value), [value.__self__, getattr(value, "__func__", None)]
    if isinstance(value, types.CellType):
        try:
            return "cell", [value.cell_contents]
        except ValueError:
            return "empty cell", []
    if isinstance(value, property):
        return "property", [value.fget, value.fset, value.fdel]
    if isinstance(value, staticmethod | classmethod):
        return type(value).__name__, [value.__func__]
    if isinstance(value, BY_NAME):
        return _name(value), []
    return "object", [type(value), *_of_object(value)]


def _of_function(function: types.FunctionType) -> tuple[str, list[Any]]:
    given = [function.__defaults__, function.__kwdefaults__, function.__closure__, vars(function)]
    file = function.__code__.co_filename
    if file.startswith("<frozen") or _is_in_a_package(file):
        return _name(function), given
    return "function", [function.__code__, *given, *_reached(function)]


def _of_code(code: types.CodeType) -> list[Any]:
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    return [code.co_code, getattr(code, "co_exceptiontable", b""), code.co_consts, *names]  # from 3.11 on


def _of_class(kind: type) -> tuple[str, list[Any]]:
    module = sys.modules.get(kind.__module__)
    if kind.__module__ in sys.builtin_module_names or (module is not None and is_installed(module)):
        return _name(kind), []
    descriptors = types.MemberDescriptorType | types.GetSetDescriptorType
    own = {key: each for key, each in vars(kind).items() if key not in OF_CLASSES and not isinstance(each, descriptors)}
    return "class", [kind.__bases__, type(kind), *_of_mapping(own)]


def _of_object(value: Any) -> list[Any]:
    """What a container holds; of others what a copy would be made of, or else their attributes."""
    attributes = getattr(value, "__dict__", {})
    held: list[Any] = []
    if isinstance(value, dict | types.MappingProxyType):
        held = _of_mapping(value)
    elif isinstance(value, set | frozenset):
        held = sorted(value, key=repr)
    elif isinstance(value, list | tuple | deque):
        held = list(value)
    elif isinstance(value, np.ndarray):
        held = [value.shape, *value.ravel().tolist()]
    elif isinstance(attributes.get("_fingerprint"), str):  # a dataset of Hugging Face's, which may be on disk
        return [attributes["_fingerprint"]]
    else:
        with suppress(Exception):  # a lock, a generator, a handle
            reduce: Any = copyreg.dispatch_table.get(type(value), lambda copied: copied.__reduce_ex__(2))
            copied = reduce(value)
            if isinstance(copied, tuple):
                return list(copied)
            held = [copied]  # the name that it is found by
    return [*held, *_of_mapping(attributes)]


def _of_mapping(mapping: Mapping[Any, Any]) -> list[Any]:
    return [part for pair in list(mapping.items()) for part in pair]


def _of_array(array: torch.Tensor | np.ndarray[Any, Any]) -> Iterator[bytes]:
    yield f"{type(array).__name__} {array.dtype} {list(array.shape)};".encode()
    if isinstance(array, np.memmap) and isinstance(
        array.base, mmap.mmap
    ):  # a whole file, too large to be read for this
        found = os.stat(str(array.filename))
        yield f"{array.filename} {found.st_size} {found.st_mtime_ns}".encode()
        return
    try:
        if isinstance(array, torch.Tensor):
            array = array.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
        for part in np.array_split(array.reshape(-1), max(1, array.nbytes // PART)):
            yield part.tobytes()
    except (RuntimeError, NotImplementedError, TypeError):  # one without storage, or packed
        yield repr(array).encode()


def _reached(function: types.FunctionType) -> Iterator[Any]:
    """What of its module a function's code refers to, in it or in the modules that are imported there."""
    todo, found = [function.__code__], dict[str, Any]()
    while todo:
        code = todo.pop()
        todo += [each for each in code.co_consts if isinstance(each, types.CodeType)]
        instructions = list(dis.get_instructions(code))
        for place, each in enumerate(instructions):
            if each.opname == "IMPORT_NAME":
                found[f"import {each.argval}"] = _imported(each.argval, function.__globals__)
            if each.opname in ("LOAD_GLOBAL", "LOAD_NAME") and each.argval in function.__globals__:
                name, value = each.argval, function.__globals__[each.argval]
                for attribute in instructions[place + 1 :]:
                    if not isinstance(value, types.ModuleType) or attribute.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
                        break
                    if not hasattr(value, attribute.argval):
                        break
                    name, value = f"{name}.{attribute.argval}", getattr(value, attribute.argval)
                found[name] = value
        if LOOKED_UP & set(code.co_names):
            found["the file"] = _whole(code.co_filename)
    for name in sorted(found):
        yield name
        yield found[name]


def _imported(name: str, there: Mapping[str, Any]) -> Any:
    """A module that is imported when the function runs: as it is, or its file where it was not imported yet."""
    package = there.get("__package__") or ""
    for full in (name, f"{package}.{name}" if package else name):
        if full in sys.modules:
            return sys.modules[full]
        try:
            spec = importlib.util.find_spec(full)
        except (ImportError, ValueError):
            continue
        if spec is not None:
            return full if _is_in_a_package(spec.origin or "") else _whole(spec.origin or "")
    return name


def _whole(path: str) -> str:
    return Path(path).read_text("utf-8", "replace") if Path(path).is_file() else path


def _public(names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in names.items() if not (name.startswith("__") and name.endswith("__"))}


def _name(value: Any) -> str:
    """Without an address in memory."""
    kind = type(value)
    module = getattr(value, "__module__", None) or kind.__module__
    return f"{module}.{getattr(value, '__qualname__', None) or kind.__qualname__}"


def is_installed(module: types.ModuleType) -> bool:
    """Whether a module is the standard library's, an installed package's, or this one's: none of the user's.

    >>> import json, torch
    >>> from saln.pilot import source
    >>> [source.is_installed(each) for each in (json, torch.nn, source, source.types.ModuleType("my_job"))]
    [True, True, True, False]
    """
    if module.__name__ in sys.builtin_module_names:
        return True
    place = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", [])), None)
    return place is not None and _is_in_a_package(place)


@cache
def _is_in_a_package(file: str) -> bool:
    return any(Path(file).resolve().is_relative_to(folder) for folder in _folders())


@cache
def _folders() -> tuple[Path, ...]:
    """Where packages are installed, the standard library and this one."""
    places = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    places += [*site.getsitepackages(), site.getusersitepackages()]
    places += [str(Path(str(module.__file__)).parent) for module in (saln, saln_kernels)]
    return tuple(Path(each).resolve() for each in places if each)
