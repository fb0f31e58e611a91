"""Learning to parse faces: the batches, the loss and the measures of :class:`FaceParsing`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from backend.networks.face_parsing import FaceParsing, FaceParsingConfig, parsing_input
from backend.training import parsing_crops
from backend.training.augmentation import (
    Chance,
    affine,
    covered,
    misjudged,
    photographed,
    recoloured,
    warped,
)
from backend.training.losses import boundary_weight, soft_cross_entropy, soft_dice
from backend.training.parsing_crops import BACKGROUND, CLASS_NAMES, FACE_MAP, PERSON, RGB, SHARES
from backend.training.people_stream import Maker
from backend.training.people_task import PeopleTask
from backend.training.processes import Processes

HELD_OUT_PEOPLE = 48
COLOURS = np.array([[30, 30, 34], [200, 120, 40], [235, 190, 160], [90, 180, 90], [70, 100, 200]], np.uint8)


@dataclass(frozen=True)
class ParsingTask(PeopleTask):
    """Face parsing on procedural people.

    Args:
        make: a person's seed -> their crops, see :func:`parsing_crops.person_crops`.
    """

    architecture: ClassVar[type[nn.Module]] = FaceParsing
    pictures: ClassVar[int] = parsing_crops.PICTURES

    sizes: FaceParsingConfig = field(default_factory=FaceParsingConfig)
    make: Maker = parsing_crops.person_crops
    held_out: int = HELD_OUT_PEOPLE
    name: str = "face_parsing"

    def loss(
        self, network: nn.Module, batch: Tensor, step: int, processes: Processes
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross entropy, heavier where parts meet, and soft Dice."""
        chance = Chance(len(batch), batch.device, self.settings.seed, step, processes.rank)
        picture, target = augmented(batch, self.sizes.size, chance)
        seen = (target.sum(dim=1, keepdim=True) > 0.5).float()
        logits = network(picture)
        weight = boundary_weight(target) * seen
        log_shares = torch.log_softmax(logits.float(), dim=1)
        entropy, dice = soft_cross_entropy(log_shares, target, weight), soft_dice(log_shares.exp(), target, seen)
        return entropy + dice, {"entropy": entropy, "dice": dice}

    def measure(self, network: nn.Module, device: torch.device) -> dict[str, float]:
        """Intersection over union of every class on held-out people, and their mean, which is the score."""
        common, either = torch.zeros(len(CLASS_NAMES)), torch.zeros(len(CLASS_NAMES))
        for batch in self.held_out_pictures(device):
            picture, target = unchanged(batch, self.sizes.size)
            seen = target.sum(dim=1) > 0.5
            truth, found = target.argmax(dim=1), predicted(network, picture).argmax(dim=1)
            for part in range(len(CLASS_NAMES)):
                mine, theirs = (truth == part) & seen, (found == part) & seen
                common[part] += (mine & theirs).sum().cpu()
                either[part] += (mine | theirs).sum().cpu()
        overlap = (common / either.clamp_min(1)).tolist()
        named = {f"iou_{name}": value for name, value in zip(CLASS_NAMES, overlap, strict=True)}
        return {**named, "score": float(np.mean(overlap))}

    def strip(self, network: nn.Module, device: torch.device) -> NDArray[np.uint8]:
        """Pictures, truths and predictions of eight held-out people, one below another."""
        picture, target = unchanged(next(self.held_out_pictures(device))[:: self.pictures][:8], self.sizes.size)
        rows = [((picture[:, :3] + 1) * 127.5).byte().permute(0, 2, 3, 1).cpu().numpy()]
        rows += [_coloured(shares) for shares in (target, predicted(network, picture))]
        return np.concatenate([np.concatenate(list(row), axis=1) for row in rows])


@torch.inference_mode()
def predicted(network: nn.Module, picture: Tensor) -> Tensor:
    """[B, 5, H, W] shares."""
    return torch.softmax(network.eval()(picture).float(), dim=1)


def unchanged(batch: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Crops as the network sees them in use: its input [B, 6, size, size], and the true shares [B, 5, size, size]."""
    maps = nn.functional.interpolate(batch.float() / 255, (size, size), mode="bilinear", antialias=True)
    seen = (maps[:, SHARES].sum(dim=1, keepdim=True) > 0.5).float()
    return parsing_input(maps[:, RGB], maps[:, PERSON], maps[:, FACE_MAP] * 2 - 1, seen), maps[:, SHARES]


def augmented(batch: Tensor, size: int, chance: Chance) -> tuple[Tensor, Tensor]:
    """Crops in other frames, colours and lights, with hints that are a little wrong; shapes as :func:`unchanged`'s."""
    maps = batch.float() / 255
    matrix = affine(chance, turn=0.12, zoom=0.12, stretch=0.04, shift=0.06)
    maps_there = warped(maps[:, :9], matrix, size)
    wrong = affine(chance, turn=0.04, zoom=0.05, stretch=0.03, shift=0.015)
    wrong[:, 0, :2] *= torch.sign(wrong[:, 0, :1])  # no mirror images of the hint alone
    face = warped(maps[:, FACE_MAP], matrix @ wrong, size) * 2 - 1
    rgb, shares, belief = maps_there[:, RGB].clone(), maps_there[:, SHARES], maps_there[:, PERSON].clone()
    seen = (shares.sum(dim=1, keepdim=True) > 0.5).float()
    background = shares[:, BACKGROUND : BACKGROUND + 1]
    some, luck = chance.some(0.35)
    rgb[some] = recoloured(rgb[some], shares[some], luck)
    some, _ = chance.some(0.15)  # before other people
    rgb[some] += background[some] * (rgb.roll(1, 0)[some].flip(3) - rgb[some])
    rgb = photographed(rgb, chance)
    some, luck = chance.some(0.3)
    rgb[some] = covered(rgb[some], luck)
    # the segmenter's own opinion, one like that of a better one, or none
    some, luck = chance.some(0.5)
    belief[some] = misjudged((1 - background[some]) * seen[some], luck)
    some, _ = chance.some(0.15)
    belief[some] = 0.5
    return parsing_input(rgb * seen, belief, face, seen), shares


def _coloured(shares: Tensor) -> NDArray[np.uint8]:
    """[B, 5, H, W] -> [B, H, W, 3], black where nothing is known."""
    colours = np.einsum("bchw,ck->bhwk", shares.float().cpu().numpy(), COLOURS.astype(np.float32))
    return colours.clip(0, 255).astype(np.uint8)
