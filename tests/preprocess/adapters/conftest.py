"""Small corpora, made as their documentation says they are laid out; films of a simulated face or of gray."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

Pictures = Sequence[NDArray[np.uint8]]
WriteVideo = Callable[[Path, Pictures], Path]
GRAY = [np.full((48, 64, 3), 20 + 10 * i, np.uint8) for i in range(20)]
"""20 pictures: 2.5 s at the 8 a second of `write_video`."""
RATERS = ("FM1", "FM2", "FM3", "FF1", "FF2", "FF3")


@pytest.fixture(scope="session")
def faces(color_frames: NDArray[np.uint8]) -> Pictures:
    """20 pictures of a simulated face, 960x540."""
    small = [cv2.resize(frame, (960, 540), interpolation=cv2.INTER_AREA) for frame in color_frames]
    return [np.asarray(small[i % len(small)], np.uint8) for i in range(20)]


def rating(t_s: float, rater: int = 0) -> float:
    """A rating in [-1, 1] that rises with time and differs between raters."""
    return round(-0.5 + 0.2 * t_s + 0.01 * rater, 4)


def write_recola(
    folder: Path, names: Sequence[str], write_video: WriteVideo, pictures: Pictures = GRAY
) -> Path:
    """Write RECOLA as its authors give it: `time;FM1 ;FM2 ;...` every 0.04 s."""
    videos = folder / "RECOLA-Video-recordings"
    videos.mkdir(parents=True)
    for name in names:
        write_video(videos / f"{name}.mp4", pictures)
        for dimension in ("arousal", "valence"):
            path = folder / "RECOLA-Annotation" / "emotional_behaviour" / dimension / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = ["time;" + ";".join(f"{rater} " for rater in RATERS).rstrip()]
            for i in range(64):
                t_s = 0.04 * i
                lines.append(f"{t_s:.2f};" + ";".join(f"{rating(t_s, k)}" for k in range(6)))
            path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8")
    return folder


def write_avec_recola(
    folder: Path, names: Sequence[str], write_video: WriteVideo, pictures: Pictures = GRAY
) -> Path:
    """Write RECOLA as AVEC gave it: a gold standard in ARFF, individual ratings in CSV, and features."""
    videos = folder / "recordings_video"
    videos.mkdir(parents=True)
    for name in names:
        write_video(videos / f"{name}.mp4", pictures)
        for dimension in ("arousal", "valence"):
            for kind in ("ratings_gold_standard", "ratings_individual", "features_audio"):
                (folder / kind / dimension).mkdir(parents=True, exist_ok=True)
            gold = [
                "@relation GOLDSTANDARD",
                "",
                "@attribute Instance_name string",
                "@attribute frameTime numeric",
                "@attribute GoldStandard numeric",
                "",
                "",
                "@data",
                "",
                *(f"{name},{0.04 * i:g},{rating(0.04 * i)}" for i in range(64)),
            ]
            path = folder / "ratings_gold_standard" / dimension / f"{name}.arff"
            path.write_text("\n".join(gold) + "\n", encoding="utf-8")
            each = ["time;" + ";".join(RATERS)]
            each += [
                f"{0.04 * i:g};" + ";".join(f"{rating(0.04 * i, k)}" for k in range(6)) for i in range(64)
            ]
            path = folder / "ratings_individual" / dimension / f"{name}.csv"
            path.write_text("\n".join(each) + "\n", encoding="utf-8")
            features = ["@relation x", "@attribute name string", "@attribute frameTime numeric"]
            features += [f"@attribute F{i} numeric" for i in range(88)] + ["@data"]
            features += [f"{name},0," + ",".join(["1"] * 88)]
            path = folder / "features_audio" / dimension / f"{name}.arff"
            path.write_text("\n".join(features) + "\n", encoding="utf-8")
    return folder


def write_avec_sewa(
    folder: Path,
    names: Sequence[str],
    write_video: WriteVideo,
    pictures: Pictures = GRAY,
    *,
    head: str = "name;timestamp;arousal;valence;liking\n",
) -> Path:
    """Write SEWA as AVEC 2017 to 2019 gave it: labels every 0.1 s."""
    (folder / "labels").mkdir(parents=True)
    (folder / "video").mkdir()
    for name in names:
        write_video(folder / "video" / f"{name}.mp4", pictures)
        lines = [f"'{name}';{0.1 * i:.6f};{rating(0.1 * i)};{-rating(0.1 * i)};0.0\n" for i in range(26)]
        (folder / "labels" / f"{name}.csv").write_text(head + "".join(lines), encoding="utf-8")
    return folder


def write_sewa(
    folder: Path, names: Sequence[str], write_video: WriteVideo, pictures: Pictures = GRAY
) -> Path:
    """Write SEWA as its database gives it: a folder per film, ratings by what the raters had before them."""
    for name in names:
        (folder / name).mkdir(parents=True)
        write_video(folder / name / f"{name}.avi", pictures)
        for dimension in ("Valence", "Arousal"):
            for heard in ("A", "V", "AV"):
                lines = ["timestamp,A1,A2,A3\n"]
                for i in range(26):
                    lines.append(
                        f"{0.1 * i:.2f}," + ",".join(f"{rating(0.1 * i, k)}" for k in range(3)) + "\n"
                    )
                path = folder / name / f"{name}_{dimension}_{heard}_Aligned.csv"
                path.write_text("".join(lines), encoding="utf-8")
    return folder


def write_afew_va(folder: Path, actors: dict[str, str | None], pictures: Pictures = GRAY) -> Path:
    """Write AFEW-VA: per clip a folder of PNG, and JSON with the actor and the ratings of each picture."""
    for name, actor in actors.items():
        (folder / name).mkdir(parents=True)
        frames = {}
        for i, picture in enumerate(pictures):
            cv2.imwrite(str(folder / name / f"{i:05d}.png"), picture[..., ::-1])
            landmarks = [[float(k), float(k)] for k in range(68)]
            frames[f"{i:05d}"] = {"valence": i % 11 - 5, "arousal": 3, "landmarks": landmarks}
        content = {"frames": frames, "video_id": name} | ({} if actor is None else {"actor": actor})
        (folder / name / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def write_video_csv(
    folder: Path, names: Sequence[str], write_video: WriteVideo, pictures: Pictures = GRAY
) -> Path:
    """Write videos with a CSV beside each."""
    folder.mkdir(parents=True)
    for name in names:
        write_video(folder / f"{name}.mp4", pictures)
        lines = [f"{0.1 * i:g},{rating(0.1 * i)},{-rating(0.1 * i)}\n" for i in range(26)]
        (folder / f"{name}.csv").write_text("time_s,valence,arousal\n" + "".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def corpora(write_video: WriteVideo) -> SimpleNamespace:
    """What writes small corpora: called with a folder and the names of the films."""
    return SimpleNamespace(
        recola=partial(write_recola, write_video=write_video),
        avec_recola=partial(write_avec_recola, write_video=write_video),
        avec_sewa=partial(write_avec_sewa, write_video=write_video),
        sewa=partial(write_sewa, write_video=write_video),
        afew_va=write_afew_va,
        video_csv=partial(write_video_csv, write_video=write_video),
        rating=rating,
    )
