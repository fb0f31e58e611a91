"""Learning to complete lifted layers: the batches, the loss and the measures of :class:`LayerCompletion`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from backend.networks.completion_error import LEAST_AREA, errors, order_of, over
from backend.networks.layer_completion import (
    CANONICAL,
    CHANNELS,
    HEAD,
    NORMAL,
    TORSO,
    LayerCompletion,
    LayerCompletionConfig,
    filling,
    lifted_person,
    room,
)
from backend.training import completion_views
from backend.training.augmentation import Chance, affine, warped
from backend.training.completion_views import SIDE, SOURCE_SIDE, TRUTH, restored
from backend.training.losses import structural_similarity
from backend.training.people_stream import Maker
from backend.training.people_task import PeopleTask
from backend.training.processes import Processes

HELD_OUT_PEOPLE = 24
CROP = 192  # pixels: side of the parts of views that are trained on
COVERED = 0.8  # of a view's side by such a part; its pixels are about as large as the view's
COLOURS = (HEAD, TORSO)
GREY = 0.5  # behind people when they are measured


@dataclass(frozen=True, eq=False)
class Moment:
    """A batch of frames, their sources and the truth.

    Args:
        view: [B, 16, S, S]. source: [B, 16, S/2, S/2]. See ``networks.layer_completion``.
        truth: [B, 4, S, S] premultiplied colours and alpha in [0, 1].
        differs: [B, 1, 1, 1] from 0 to 1 how far the frames differ from their sources.
    """

    view: Tensor
    source: Tensor
    truth: Tensor
    differs: Tensor

    @property
    def lifted(self) -> Tensor:
        """[B, 4, S, S] the person without completion."""
        return lifted_person(self.view)

    def residual(self, network: nn.Module) -> Tensor:
        """[B, 4, S, S] what completion adds wherever the frame differs from its source."""
        return self.differs * network(self.view, self.source).float()


@dataclass(frozen=True)
class CompletionTask(PeopleTask):
    """Completion of the layers of procedural people's avatars.

    Args:
        make: a person's seed -> views of their avatar, see :func:`completion_views.person_views`.
    """

    architecture: ClassVar[type[nn.Module]] = LayerCompletion
    pictures: ClassVar[int] = completion_views.VIEWS

    sizes: LayerCompletionConfig = field(default_factory=LayerCompletionConfig)
    make: Maker = completion_views.person_views
    held_out: int = HELD_OUT_PEOPLE
    name: str = "layer_completion"

    def loss(
        self, network: nn.Module, batch: Tensor, step: int, processes: Processes
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Orders of magnitude of the square and the absolute error, and structural dissimilarity.

        Logarithms, since every picture's decibels count alike. Errors are those over black and over white.
        """
        moment = augmented(unpacked(batch), Chance(len(batch), batch.device, self.settings.seed, step, processes.rank))
        shown = moment.lifted + room(moment.lifted) * moment.residual(network)
        square, absolute = errors(shown, moment.truth, torch.ones_like(shown[:, :1]))
        area = moment.truth[:, 3].sum(dim=(1, 2)).clamp_min(LEAST_AREA)
        alike = structural_similarity(over(shown, GREY), over(moment.truth, GREY))
        unlike = ((1 - alike) * moment.truth[:, 3:]).sum(dim=(1, 2, 3)) / area
        return order_of(square, absolute).mean() + unlike.mean(), {"absolute": absolute.mean(), "unlike": unlike.mean()}

    def measure(self, network: nn.Module, device: torch.device) -> dict[str, float]:
        """Decibels inside held-out people, over grey: completed, which is the score, and lifted alone."""
        found: list[tuple[float, float]] = []
        for moment in self._held_out(device):
            pairs = (decibels(predicted(network, moment), moment.truth), decibels(moment.lifted, moment.truth))
            found += list(zip(*(pair.tolist() for pair in pairs), strict=True))
        score, lifted = np.mean(found, axis=0)
        return {"lifted": float(lifted), "gain": float(score - lifted), "score": float(score)}

    def strip(self, network: nn.Module, device: torch.device) -> NDArray[np.uint8]:
        """Sources, truths, lifted and completed frames of eight held-out people, one below another."""
        picked = (Moment(*(part[:1] for part in vars(each).values())) for each in self._held_out(device))
        columns = []
        for moment, _ in zip(picked, range(8), strict=False):
            own = F.interpolate(lifted_person(moment.source), moment.view.shape[-2:])
            shown = (own, moment.truth, moment.lifted, predicted(network, moment))
            columns.append(torch.cat([over(each, GREY)[0].clamp(0, 1) for each in shown], dim=1))
        return (torch.cat(columns, dim=2).permute(1, 2, 0) * 255).byte().cpu().numpy()

    def _held_out(self, device: torch.device) -> Iterator[Moment]:
        """All views of one held-out person after another."""
        for batch in self.held_out_pictures(device, people=1):
            yield unpacked(batch)


@torch.inference_mode()
def predicted(network: nn.Module, moment: Moment) -> Tensor:
    """[B, 4, S, S] the person as the network in use completes it."""
    return filling(moment.residual(network.eval()), moment.view).behind(moment.lifted)


def decibels(shown: Tensor, truth: Tensor) -> Tensor:
    """[B] PSNR within the true person of pictures [B, 4, H, W] over grey."""
    inside = truth[:, 3:]
    difference = over(shown, GREY) - over(truth, GREY)
    square = (difference.square() * inside).sum(dim=(1, 2, 3)) / (3 * inside.sum(dim=(1, 2, 3)))
    return -10 * torch.log10(square.clamp_min(1e-10))


def unpacked(batch: Tensor) -> Moment:
    """Rows of :func:`completion_views.person_views`."""
    whole, own = SIDE * SIDE, CHANNELS * SOURCE_SIDE * SOURCE_SIDE
    view, truth, source, differs = batch.split([CHANNELS * whole, TRUTH * whole, own, 1], dim=1)
    return Moment(
        restored(view.reshape(-1, CHANNELS, SIDE, SIDE)),
        restored(source.reshape(-1, CHANNELS, SOURCE_SIDE, SOURCE_SIDE)),
        truth.reshape(-1, TRUTH, SIDE, SIDE).float() / 255,
        differs.reshape(-1, 1, 1, 1).float() / 255,
    )


def augmented(moment: Moment, chance: Chance) -> Moment:
    """Parts of the frames at other scales, mirrored, in other colours."""
    matrix = affine(chance, turn=0.05, zoom=0.15, stretch=0.0, shift=0.15)
    matrix[:, :2, :2] *= COVERED
    # a mirror image turns what counts from left to right
    side = torch.sign(matrix[:, :1, 0]).view(-1, 1, 1, 1)
    both = warped(torch.cat([moment.view, moment.truth], dim=1), matrix, CROP)
    source = warped(moment.source, matrix, CROP // 2)
    view, truth = both[:, :CHANNELS], both[:, CHANNELS:]
    for maps in (view, source):
        for place in (CANONICAL, NORMAL):
            maps[:, place.start : place.start + 1] *= side
    gain = torch.exp(0.1 * chance.normal(1, 1, 1) + 0.1 * chance.normal(3, 1, 1))
    for maps, places in ((view, COLOURS), (source, COLOURS), (truth, (slice(0, 4),))):
        for place in places:
            rgb, alpha = maps[:, place.start : place.start + 3], maps[:, place.start + 3 : place.stop]
            maps[:, place.start : place.start + 3] = torch.minimum(rgb * gain, alpha)
    return Moment(view, source, truth, moment.differs)
