"""Regions of a face: boxes at fixed places, at random, or around landmarks, and the crops they cut out.

Wang, Peng, Yang, Meng and Qiao, "Region Attention Networks for Pose and Occlusion Robust Facial Expression
Recognition", IEEE TIP 2020. Their boxes are given here from memory of the paper. A box is (x, y, side): its
centre and its side in shares of the frame's side, so that (0.5, 0.5, 1) is the whole frame.
"""

import torch
from torch import Tensor
from torch.nn import functional

N_CROPS = 5
FIXED = (
    (0.375, 0.375, 0.75),  # top left
    (0.625, 0.375, 0.75),  # top right
    (0.5, 0.625, 0.75),  # bottom, in the middle
    (0.5, 0.5, 0.9),
    (0.5, 0.5, 0.85),
)
RANDOM_SIDES = (0.7, 0.95)
RANDOM_SEED = 0
"""Of the boxes that are drawn once for all evaluations."""
LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)
NOSE, MOUTH_LEFT, MOUTH_RIGHT = 30, 48, 54


def fixed_boxes() -> Tensor:
    """Return (5, 3) float32: three corners of the face at 0.75 and two crops of its middle."""
    return torch.tensor(FIXED)


def random_boxes(n: int, *, generator: torch.Generator | None = None) -> Tensor:
    """Return (n, 5, 3) float32: sides of 0.7 to 0.95 anywhere in the frame.

    Parameters
    ----------
    generator : None draws from torch's own
    """
    low, high = RANDOM_SIDES
    side = low + (high - low) * torch.rand(n, N_CROPS, 1, generator=generator)
    centre = side / 2 + (1 - side) * torch.rand(n, N_CROPS, 2, generator=generator)
    return torch.cat([centre, side], dim=-1)


def drawn_boxes() -> Tensor:
    """Return (5, 3) float32: random boxes that are the same in every process."""
    return random_boxes(1, generator=torch.Generator().manual_seed(RANDOM_SEED))[0]


def landmark_boxes(landmarks: Tensor, *, side: float) -> Tensor:
    """Return (N, 5, 3) float32: boxes around both eyes, the nose and the corners of the mouth.

    Boxes are moved into the frame where they would reach beyond it. Frames with a landmark that is not
    known get the boxes at fixed places.

    Parameters
    ----------
    landmarks : (N, 68, 2) float32, x and y in shares of the frame, NaN where unknown
    side : of the boxes, in shares of the frame
    """
    points = torch.stack(
        [
            landmarks[:, LEFT_EYE].mean(1),
            landmarks[:, RIGHT_EYE].mean(1),
            landmarks[:, NOSE],
            landmarks[:, MOUTH_LEFT],
            landmarks[:, MOUTH_RIGHT],
        ],
        dim=1,
    ).float()
    centre = points.clamp(side / 2, 1 - side / 2)
    boxes = torch.cat([centre, torch.full_like(centre[..., :1], side)], dim=-1)
    known = torch.isfinite(landmarks).all(-1).all(-1)
    return torch.where(known[:, None, None], boxes, fixed_boxes().to(boxes))


def crops(frames: Tensor, boxes: Tensor) -> Tensor:
    """Return what lies in each box, brought to the size of the frame by bilinear interpolation.

    What lies outside the frame is 0, the neutral value of every stream.

    Parameters
    ----------
    frames : (N, C, S, S) float32
    boxes : (N, R, 3)

    Returns
    -------
    (N, R, C, S, S) float32.
    """
    steps = (2 * torch.arange(frames.shape[-1], device=frames.device) + 1) / frames.shape[-1] - 1
    base = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)  # (S, S, 2), pixel centres
    cut = []
    for box in boxes.to(frames).unbind(1):
        grid = (2 * box[:, None, None, :2] - 1) + box[:, None, None, 2:] * base
        cut.append(functional.grid_sample(frames, grid, mode="bilinear", align_corners=False))
    return torch.stack(cut, dim=1)


def painted(weights: Tensor, boxes: Tensor, *, size_px: int) -> Tensor:
    """Return (N, S, S) float32 of mean 1: each box filled with its weight over its area, added up.

    Parameters
    ----------
    weights : (N, R)
    boxes : (N, R, 3)
    """
    centres = (torch.arange(size_px, device=weights.device) + 0.5) / size_px
    x, y, half = boxes[..., 0:1], boxes[..., 1:2], boxes[..., 2:3] / 2
    inside_x = ((centres - x).abs() <= half).to(weights)  # (N, R, S)
    inside_y = ((centres - y).abs() <= half).to(weights)
    filled = torch.einsum("nr,nry,nrx->nyx", weights / boxes[..., 2].square(), inside_y, inside_x)
    return filled / filled.mean((1, 2), keepdim=True)
