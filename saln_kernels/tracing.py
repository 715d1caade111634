"""What torch.compile is told of functions that it cannot trace."""

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def constant(function: F) -> F:
    """Have torch.compile call a function while it traces, and build what it returns into the graph.

    What `torch.compiler.assume_constant_result` does, which takes a second to import the compiler for it.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function
