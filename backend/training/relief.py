"""Learning the relief of hair: the batches, the loss and the measures of :class:`HairRelief`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from backend.networks.face_parsing import FaceParsingConfig
from backend.networks.hair_relief import INPUTS, UNIT, HairRelief, gone_on
from backend.training import relief_crops
from backend.training.augmentation import Chance, affine, misjudged_parts, photographed, recoloured, warped
from backend.training.parsing_crops import BACKGROUND, HAIR, PICTURES
from backend.training.people_stream import Maker
from backend.training.people_task import PeopleTask
from backend.training.processes import Processes

HELD_OUT_PEOPLE = 40
OTHERS = 0.1  # how much the rest of the person counts beside hair
STEP = 0.02  # error, of UNIT, from which on it counts no more than in proportion
LEVELS = 3  # resolutions at which slopes are compared
COLOURS = np.array([[-0.3, 255], [0.0, 128], [0.3, 0]])  # depths and how bright they are shown


@dataclass(frozen=True, eq=False)
class Heads:
    """A batch of heads.

    Args:
        rgb, shares, head, head_there: what the network is given, see ``HairRelief.forward``.
        depth: [B, 1, S, S] the true one. weight: [B, 1, S, S] how much it counts.
        hair: [B, 1, S, S] share of hair and headwear.
        span: [B] metres that the crops span.
    """

    rgb: Tensor
    shares: Tensor
    head: Tensor
    head_there: Tensor
    depth: Tensor
    weight: Tensor
    hair: Tensor
    span: Tensor

    def told(self, network: nn.Module) -> Tensor:
        """[B, 1, S, S] the depth that a network tells."""
        return network(self.rgb, self.shares, self.head, self.head_there).float()


@dataclass(frozen=True)
class ReliefTask(PeopleTask):
    """The relief of procedural people's hair.

    Args:
        make: a person's seed -> their crops, see :func:`relief_crops.person_crops`.
    """

    architecture: ClassVar[type[nn.Module]] = HairRelief
    pictures: ClassVar[int] = PICTURES

    sizes: FaceParsingConfig = field(default_factory=lambda: FaceParsingConfig(INPUTS, 1, size=128))
    make: Maker = relief_crops.person_crops
    held_out: int = HELD_OUT_PEOPLE
    name: str = "hair_relief"

    def loss(
        self, network: nn.Module, batch: Tensor, step: int, processes: Processes
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The error of depths, and that of slopes at several resolutions, which sheets are smooth by."""
        chance = Chance(len(batch), batch.device, self.settings.seed, step, processes.rank)
        heads = augmented(unpacked(batch, relief_crops.SIDE), self.sizes.size, chance)
        error = (heads.told(network) - heads.depth) / UNIT
        weight = heads.weight
        depths = (F.smooth_l1_loss(error, torch.zeros_like(error), reduction="none", beta=STEP) * weight).sum()
        depths = depths / weight.sum().clamp_min(1)
        slopes = error.new_zeros(())
        for _ in range(LEVELS):
            for axis in (2, 3):
                both = torch.minimum(*_neighbours(weight, axis))
                one, other = _neighbours(error, axis)
                slopes = slopes + ((one - other).abs() * both).sum() / both.sum().clamp_min(1)
            error, weight = F.avg_pool2d(error * weight, 2), F.avg_pool2d(weight, 2)
            error = error / weight.clamp_min(1e-3)
        return depths + slopes / LEVELS, {"depths": depths, "slopes": slopes}

    def measure(self, network: nn.Module, device: torch.device) -> dict[str, float]:
        """Mean errors in hair of held-out people: in thousandths of the crop, in millimetres, and those of the
        head model's depth that goes on beyond its outline; the score is the share of the latter that is gone.
        """
        sums = torch.zeros(4)
        for heads in self._held_out(device):
            there = ((heads.hair > 0.5) & (heads.weight > 0)).float()
            trivial = (gone_on(heads.head, heads.head_there) - heads.depth).abs() * there
            error = (predicted(network, heads) - heads.depth).abs() * there
            span = heads.span.view(-1, 1, 1, 1)
            sums += torch.stack([each.sum() for each in (there, error, error * span, trivial * span)]).cpu()
        crop, metres, before = (float(each / sums[0].clamp_min(1)) for each in sums[1:])
        score = 1 - metres / max(before, 1e-9)
        return {"error": 1000 * crop, "error_mm": 1000 * metres, "trivial_mm": 1000 * before, "score": score}

    def strip(self, network: nn.Module, device: torch.device) -> NDArray[np.uint8]:
        """Pictures, true depths and told ones of the person, and those of hair, of eight held-out people."""
        heads = next(self._held_out(device))
        picture = heads.rgb.permute(0, 2, 3, 1).cpu().numpy() * 255
        rows = [picture.astype(np.uint8)]
        for depth in (heads.depth, predicted(network, heads)):
            for shown in ((heads.weight > 0).float(), heads.hair):
                grey = np.interp(depth[:, 0].cpu().numpy(), *COLOURS.T) * shown[:, 0].cpu().numpy()
                rows.append(np.repeat(grey.astype(np.uint8)[..., None], 3, axis=3))
        picked = [row[:: self.pictures][:8] for row in rows]
        return np.concatenate([np.concatenate(list(row), axis=1) for row in picked])

    def _held_out(self, device: torch.device) -> Iterator[Heads]:
        """Batches of all pictures of eight held-out people."""
        for batch in self.held_out_pictures(device):
            yield unpacked(batch, self.sizes.size)


@torch.inference_mode()
def predicted(network: nn.Module, heads: Heads) -> Tensor:
    """[B, 1, S, S] the depth that the network in use tells."""
    return heads.told(network.eval())


def unpacked(batch: Tensor, size: int) -> Heads:
    """Rows of :func:`relief_crops.person_crops`, as they are, in crops of ``size`` pixels."""
    planes, span = batch[:, :-2], batch[:, -2:].long()
    maps = planes.reshape(-1, relief_crops.CHANNELS, relief_crops.SIDE, relief_crops.SIDE).float()
    steps = [256 * maps[:, each.start : each.start + 1] + maps[:, each.start + 1 : each.stop]
             for each in (relief_crops.HEAD_DEPTH, relief_crops.DEPTH)]  # fmt: skip
    depths = [(2 * each / 65535 - 1) * relief_crops.DEEPEST for each in steps]
    byte = [maps[:, each] / 255 for each in (relief_crops.RGB, relief_crops.SHARES)]
    there = [maps[:, each] / 255 for each in (relief_crops.HEAD_THERE, relief_crops.THERE)]
    metres = (span[:, 0] + 256 * span[:, 1]) * relief_crops.SPAN_UNIT
    if size != relief_crops.SIDE:
        byte = [F.interpolate(each, (size, size), mode="bilinear", antialias=True) for each in byte]
        depths, there = ([F.interpolate(each, (size, size)) for each in maps] for maps in (depths, there))
    return _heads(byte[0], byte[1], depths[0], there[0], depths[1], there[1], metres)


def augmented(heads: Heads, size: int, chance: Chance) -> Heads:
    """Heads in other frames, colours and lights, of whose parts and whose model's fit one is a little wrong."""
    matrix = affine(chance, turn=0.12, zoom=0.12, stretch=0.0, shift=0.06)
    # what appears larger is deeper too
    larger = 1 / torch.linalg.det(matrix[:, :2, :2]).abs().sqrt().view(-1, 1, 1, 1)
    wrong = affine(chance, turn=0.02, zoom=0.02, stretch=0.015, shift=0.006)
    wrong[:, 0, :2] *= torch.sign(wrong[:, 0, :1])  # no mirror images of the model alone
    colours = warped(torch.cat([heads.rgb, heads.shares], dim=1), matrix, size)
    depth, counted = _warped_depth(heads.depth, (heads.weight > 0).float(), matrix, size)
    head, head_there = _warped_depth(heads.head, heads.head_there, matrix @ wrong, size)
    place = torch.linspace(-0.5, 0.5, size, device=head.device)
    slope, shift = 0.08 * chance.normal(2, 1, 1, 1), 0.004 * chance.normal(1, 1, 1)
    head = head * torch.exp(0.05 * chance.normal(1, 1, 1)) + slope[:, 0] * place + slope[:, 1] * place[:, None] + shift
    rgb, shares = colours[:, :3], colours[:, 3:]
    seen = (shares.sum(dim=1, keepdim=True) > 0.5).float()
    told = shares.clone()
    some, luck = chance.some(0.35)
    rgb[some] = recoloured(rgb[some], shares[some], luck)
    some, _ = chance.some(0.15)  # before other people
    rgb[some] += shares[some, BACKGROUND : BACKGROUND + 1] * (rgb.roll(1, 0)[some].flip(3) - rgb[some])
    rgb = photographed(rgb, chance)
    some, luck = chance.some(0.6)
    told[some] = misjudged_parts(shares[some], luck)
    changed = _heads(rgb * seen, told * seen, larger * head, head_there, larger * depth, counted * seen, heads.span)
    return Heads(**{**vars(changed), "hair": shares[:, HAIR : HAIR + 1],
                    "weight": counted * seen * _importance(shares)})  # fmt: skip


def _heads(
    rgb: Tensor, shares: Tensor, head: Tensor, head_there: Tensor, depth: Tensor, there: Tensor, span: Tensor
) -> Heads:
    hair = shares[:, HAIR : HAIR + 1]
    return Heads(rgb, shares, head * head_there, head_there, depth, there * _importance(shares), hair, span)


def _importance(shares: Tensor) -> Tensor:
    """[B, 1, S, S] of depths, more in hair than elsewhere."""
    return OTHERS + (1 - OTHERS) * (shares[:, HAIR : HAIR + 1] > 0.5).float()


def _warped_depth(depth: Tensor, there: Tensor, matrix: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """A depth [B, 1, H, W] and where it is [B, 1, H, W], both [B, 1, size, size]; nothing of the rest gets into it."""
    total, weight = warped(torch.cat([depth * there, there], dim=1), matrix, size).split(1, dim=1)
    return total / weight.clamp_min(1e-3), (weight > 0.5).float()


def _neighbours(maps: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    last = maps.shape[axis] - 1
    return maps.narrow(axis, 1, last), maps.narrow(axis, 0, last)
