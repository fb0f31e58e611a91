"""Speech features of HuBERT (Hsu et al. 2021) at 50 frames a second, by ``transformers`` from the user's own folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shared.errors import LimnerError

from .overlap import overlapping

HOP = 320  # samples for one frame
BEYOND = 80  # samples that the network's convolutions hear past a frame's own 320
WINDOW = 1000  # frames heard at a time: 20 s, the published chunk
# frames heard to either side and dropped: further than the network's positions reach (64), so that a seam differs from
# one long hearing only by the attention that would have gone further
MARGIN = 100


def frame_count(samples: int) -> int:
    """Frames of so many samples: those that the convolutions fill."""
    return max(0, (samples - BEYOND) // HOP)


@contextmanager
def _quiet(logging: Any) -> Iterator[None]:
    """No bars and no reports of ``transformers`` on standard error, where a program may be reading the progress."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


class Hubert:
    """A HuBERT model; last hidden states.

    Args:
        model: ``transformers.HubertModel``, in evaluation mode.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.channels = int(model.config.hidden_size)

    @classmethod
    def load(cls, folder: Path, channels: int = 1024, device: str = "cpu") -> Hubert:
        """Read a folder as Hugging Face publishes it, such as ``hubert-large-ls960-ft``.

        Args:
            folder: with ``config.json`` and the weights; nothing is downloaded and no pickled code is run.
            channels: that the features must have.
            device: where it runs.

        Raises:
            LimnerError: ``BACKEND_NOT_INSTALLED`` without ``transformers``; ``FILE_NOT_FOUND`` without the folder;
                ``WEIGHTS_UNREADABLE`` for a folder that holds no complete HuBERT; ``WEIGHTS_UNSUITABLE`` for one of
                another width.
        """
        try:
            from transformers import HubertModel  # takes seconds, and is an extra
            from transformers.utils import logging
        except ImportError as error:
            raise LimnerError(
                "BACKEND_NOT_INSTALLED", f"The package transformers, which reads HuBERT, is not installed ({error}).",
                'Run `.venv/bin/pip install -e ".[real3d]"` in Limner\'s folder.',
            ) from error  # fmt: skip
        folder = Path(folder)
        remedy = "Download facebook/hubert-large-ls960-ft from Hugging Face and give its folder."
        if not (folder / "config.json").is_file():
            raise LimnerError("FILE_NOT_FOUND", f"{folder} holds no HuBERT: config.json is missing.", remedy)
        try:
            with _quiet(logging):
                model, told = HubertModel.from_pretrained(
                    str(folder), local_files_only=True, output_loading_info=True, dtype=torch.float32
                )
        except Exception as error:  # of many kinds, none of them promised
            why = str(error).strip().partition("\n")[0] or type(error).__name__
            raise LimnerError("WEIGHTS_UNREADABLE", f"The HuBERT in {folder} cannot be read: {why}.", remedy) from error
        lacking = sorted(set(told["missing_keys"]) - {"masked_spec_embed"})  # which is for training only
        if lacking:
            cause = f"The HuBERT in {folder} lacks {len(lacking)} weights, the first of them {lacking[0]}."
            raise LimnerError("WEIGHTS_UNREADABLE", cause, remedy)
        if model.config.hidden_size != channels:
            cause = f"The HuBERT in {folder} gives {model.config.hidden_size} features where {channels} are needed."
            raise LimnerError("WEIGHTS_UNSUITABLE", cause, remedy)
        return cls(model.to(device).eval())

    @torch.inference_mode()
    def features(self, samples: np.ndarray) -> np.ndarray:
        """[N] samples at 16 kHz, of mean 0 and deviation 1 over the sound -> [frame_count(N), channels] float32."""
        if frame_count(len(samples)) == 0:
            return np.zeros((0, self.channels), np.float32)
        sound = torch.from_numpy(np.ascontiguousarray(samples, np.float32))[None].to(self.model.device)
        return self.model(sound).last_hidden_state[0].float().cpu().numpy()

    def stream(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Features of a sound of any length, ``WINDOW`` frames at a time.

        Args:
            blocks: [n] consecutive samples, as of :meth:`features`.

        Yields:
            [n, channels] consecutive features, ``frame_count`` of all samples in all.
        """
        for heard in overlapping(blocks, WINDOW * HOP, MARGIN * HOP, MARGIN * HOP + BEYOND):
            first = heard.before // HOP
            yield self.features(heard.values)[first : first + WINDOW]
