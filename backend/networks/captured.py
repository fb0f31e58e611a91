"""Functions of tensors captured as CUDA graphs: hundreds of small kernels started at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_WARM_UPS = 3  # libraries choose their kernels and take their memory in the first calls


class Captured:
    """A function whose kernels are recorded once and replayed with other contents of the same shapes.

    Args:
        function: tensors to tensors; its control flow and shapes must not hang on what the tensors hold.
        examples: arguments on a GPU, of the shapes and types that every call has.
    """

    def __init__(self, function: Callable[..., Sequence[Tensor]], examples: Sequence[Tensor]) -> None:
        self._inputs = [example.clone() for example in examples]
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(_WARM_UPS):
                function(*self._inputs)
        torch.cuda.current_stream().wait_stream(beside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = tuple(function(*self._inputs))

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What the function gives for these arguments; the tensors are the caller's."""
        for place, value in zip(self._inputs, inputs, strict=True):
            place.copy_(value)
        self._graph.replay()
        return tuple(output.clone() for output in self._outputs)
