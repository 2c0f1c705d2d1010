"""The README's moving picture, docs/road.webp: what four cameras see, and what MRAN makes of it.

It joins films that mavfer writes of a session and of a run that never saw its subject:

    mavfer export sessions/S11 --format mp4 --from 0 --to 14 --out streams
    mavfer explain runs/mran/0 --films 2 --film-s 14 --out explained
    python tools/make_moving_picture.py streams explained/attention-S11.mp4 --out docs/road.webp
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from matplotlib import get_data_path
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

STREAMS = {  # name: (what it says, the part of the picture that is shown: left, top, right, bottom, 0 to 1)
    "color": ("color", (0.24, 0.20, 0.76, 1.00)),
    "depth": ("depth, mm", (0.13, 0.18, 1.00, 1.00)),
    "infrared": ("infrared", (0.10, 0.18, 0.97, 0.97)),
    "thermal": ("thermal, °C", (0.02, 0.06, 1.00, 1.00)),
}
TILE = (280, 222)
GAP = 8
HEAD = 26
PAPER, INK = (251, 250, 246), (40, 42, 48)
FPS = 8.0
QUALITY = 62


def frames_of(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield (seconds, picture (H, W, 3)) of a film."""
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            yield float(frame.time or 0.0), np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def tile(picture: NDArray[np.uint8], part: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    """Return a part of a picture at the size of a tile, on paper where its shape is another."""
    height, width = picture.shape[:2]
    left, top, right, bottom = part
    cut = picture[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
    scale = min(TILE[0] / cut.shape[1], TILE[1] / cut.shape[0])
    small = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    out = np.full((TILE[1], TILE[0], 3), (22, 23, 26), np.uint8)
    y, x = (TILE[1] - small.shape[0]) // 2, (TILE[0] - small.shape[1]) // 2
    out[y : y + small.shape[0], x : x + small.shape[1]] = small
    return out


def main() -> None:
    """Join the films."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("streams", type=Path, help="folder of `mavfer export --format mp4`")
    parser.add_argument("attention", type=Path, help="film of `mavfer explain`, of the same session")
    parser.add_argument("--offset-s", type=float, default=0.0, help="when the film begins in the session")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    seen = {name: list(frames_of(asked.streams / f"{name}.mp4")) for name in STREAMS}
    font = ImageFont.truetype(str(Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), 15)
    pages = []
    for time_s, face in frames_of(asked.attention):
        height = 2 * (TILE[1] + HEAD) + GAP
        width = round(face.shape[1] * (height - HEAD) / face.shape[0])
        page = Image.new("RGB", (2 * TILE[0] + 2 * GAP + width, height), PAPER)
        draw = ImageDraw.Draw(page)
        for number, (name, (words, part)) in enumerate(STREAMS.items()):
            x, y = (number % 2) * (TILE[0] + GAP), (number // 2) * (TILE[1] + HEAD + GAP)
            at_s = time_s + asked.offset_s
            _, picture = min(seen[name], key=lambda one: abs(one[0] - at_s))
            draw.text((x + 2, y + 3), words, INK, font)
            page.paste(Image.fromarray(tile(picture, part)), (x, y + HEAD))
        x = 2 * (TILE[0] + GAP)
        draw.text(
            (x + 2, 3),
            f"aligned face, where MRAN looks, {asked.attention.stem.rpartition('-')[2]}",
            INK,
            font,
        )
        small = cv2.resize(face, (width, height - HEAD), interpolation=cv2.INTER_AREA)
        page.paste(Image.fromarray(small), (x, HEAD))
        pages.append(page)
    first, *others = pages
    settings = {"duration": round(1000 / FPS), "loop": 0, "quality": QUALITY, "method": 6}
    first.save(asked.out, save_all=True, append_images=others, **settings)
    print(f"{len(pages)} pictures of {first.width} x {first.height}, {asked.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
