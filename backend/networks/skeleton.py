"""Networks without contents: names, shapes and types to be checked, or to be filled from a file.

Torch makes them on its device ``meta``. Random numbers, though, it draws there by its compiler's Python twins of the
operators, whose import takes a second and 100 MiB; nobody needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


@contextmanager
def skeleton() -> Iterator[None]:
    """What is made in this context has no contents."""
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Random numbers are not drawn."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return kwargs["tensor"]
        return (torch.empty if func is torch.randn else func)(*args, **kwargs)
