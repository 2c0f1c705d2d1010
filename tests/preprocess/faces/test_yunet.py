"""Laws of a user's YuNet file: its faces become boxes as dlib draws them; what is none is refused in a line.

The network is a small one made here, with YuNet's twelve outputs, that takes a bright square for a face.
"""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mavfer.errors import FaceError
from mavfer.preprocess.faces.follower import FaceFollower
from mavfer.preprocess.faces.hog import detector_named
from mavfer.preprocess.faces.landmarks import eye_distance
from mavfer.preprocess.faces.policy import BOX_CENTER, BOX_WIDTH
from mavfer.preprocess.faces.yunet import PLACES, YunetDetector

EYE_PX = 40.0  # of the face that the network sees around the middle of a bright cell of 32 pixels
CELL_PX = 32


def write_yunet(path: Path, *, outputs: tuple[str, ...] = ("cls", "obj", "bbox", "kps")) -> Path:
    """Write a network whose score is 1 where 32 x 32 pixels are white, with the points of the mean face."""
    points = PLACES * EYE_PX / CELL_PX + 0.5  # in cells, from the cell's left and top
    values = {
        "cls": [0.0],
        "obj": [0.0],
        "bbox": [0.5, 0.5, np.log(3.0), np.log(4.0)],
        "kps": points.ravel().tolist(),
    }
    constants = [
        numpy_helper.from_array(np.full((1, 3, 1, 1), 1 / 765, np.float32), "gray"),
        numpy_helper.from_array(np.array([1, -1, 1], np.int64), "flat"),
        numpy_helper.from_array(np.array([60.0], np.float32), "steep"),
        numpy_helper.from_array(np.array([0.9], np.float32), "bright"),
        numpy_helper.from_array(np.array([0.0], np.float32), "none"),
    ]
    nodes = [helper.make_node("Conv", ["input", "gray"], ["mean"], kernel_shape=[1, 1])]
    named = []
    for stride in (8, 16, 32):
        pooled, flat = f"pool_{stride}", f"flat_{stride}"
        nodes += [
            helper.make_node(
                "AveragePool", ["mean"], [pooled], kernel_shape=[stride] * 2, strides=[stride] * 2
            ),
            helper.make_node("Reshape", [pooled, "flat"], [flat]),
            helper.make_node("Sub", [flat, "bright"], [f"above_{stride}"]),
            helper.make_node(
                "Mul", [f"above_{stride}", "steep" if stride == 32 else "none"], [f"x_{stride}"]
            ),
            helper.make_node("Sigmoid", [f"x_{stride}"], [f"score_{stride}"]),
            helper.make_node("Mul", [flat, "none"], [f"zero_{stride}"]),
        ]
        for name in outputs:
            constants.append(
                numpy_helper.from_array(
                    np.array(values[name], np.float32).reshape(1, 1, -1), f"v_{name}_{stride}"
                )
            )
            source = f"score_{stride}" if name in ("cls", "obj") else f"zero_{stride}"
            nodes.append(helper.make_node("Add", [source, f"v_{name}_{stride}"], [f"{name}_{stride}"]))
            size = len(values[name])
            named.append(
                helper.make_tensor_value_info(f"{name}_{stride}", TensorProto.FLOAT, [1, None, size])
            )
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, None, None])
    graph = helper.make_graph(nodes, "bright squares", [picture], named, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path


@pytest.fixture(scope="module")
def yunet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_yunet(tmp_path_factory.mktemp("yunet") / "bright.onnx")


def room(*cells: tuple[int, int], shape: tuple[int, int] = (320, 480)) -> NDArray[np.uint8]:
    picture = np.full((*shape, 3), 30, np.uint8)
    for column, row in cells:
        picture[row * CELL_PX : (row + 1) * CELL_PX, column * CELL_PX : (column + 1) * CELL_PX] = 255
    return picture


def test_a_bright_square_is_a_face_with_the_box_that_dlib_draws(yunet: Path) -> None:
    boxes, scores = YunetDetector(yunet).detect(room((5, 4)))
    assert boxes.shape == (1, 4)
    assert scores[0] > 0.9
    eyes = np.array([(5 + 0.5) * CELL_PX, (4 + 0.5) * CELL_PX])
    np.testing.assert_allclose(boxes[0, 2] - boxes[0, 0], BOX_WIDTH * EYE_PX, rtol=1e-3)
    np.testing.assert_allclose(
        (boxes[0, :2] + boxes[0, 2:]) / 2, eyes + np.array(BOX_CENTER) * EYE_PX, atol=0.1
    )


def test_every_size_of_picture_is_searched(yunet: Path) -> None:
    detector = YunetDetector(yunet)
    for shape in ((64, 64), (321, 477), (96, 512)):
        boxes, _ = detector.detect(room((1, 1), shape=shape))
        assert len(boxes) == 1
    assert len(detector.detect(room())[0]) == 0
    assert len(detector.detect(room((1, 1), (8, 6)))[0]) == 2


def test_gray_pictures_are_searched_too(yunet: Path) -> None:
    assert len(YunetDetector(yunet).detect(room((5, 4))[..., 0])[0]) == 1


def test_the_name_holds_the_hash_of_the_file(yunet: Path, tmp_path: Path) -> None:
    import hashlib

    detector = detector_named(yunet)
    assert detector.name == f"YuNet {hashlib.sha256(yunet.read_bytes()).hexdigest()[:8]}"
    copy = tmp_path / "other name.onnx"
    copy.write_bytes(yunet.read_bytes())
    assert YunetDetector(copy).name == detector.name


def test_the_follower_searches_with_it(yunet: Path, color_frames: NDArray) -> None:
    """The bright square stands where the eyes of a real-looking face are, so that landmarks agree."""
    true = FaceFollower().find(color_frames[0], t_s=0)
    assert true is not None
    eyes = (true.landmarks_px[36:48]).mean(axis=0)
    scale = EYE_PX / eye_distance(true.landmarks_px)

    class Lit(YunetDetector):
        def detect(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            assert picture.dtype == np.uint8
            boxes, scores = super().detect(room((5, 4)))
            eyes_at = (np.array([5.5, 4.5]) * CELL_PX, eyes)
            shown_scale = picture.shape[1] / color_frames[0].shape[1]
            if picture.shape[0] == picture.shape[1]:
                return np.zeros((0, 4)), np.zeros(0)
            moved = (boxes.reshape(2, 2) - eyes_at[0]) / scale + eyes_at[1]
            return moved.reshape(1, 4) * shown_scale, scores

    face = FaceFollower(Lit(yunet)).find(color_frames[0], t_s=0)
    assert face is not None
    apart = np.linalg.norm(face.landmarks_px - true.landmarks_px, axis=1)[17:].mean()
    assert apart < 0.05 * eye_distance(true.landmarks_px)


def test_a_file_that_is_missing_empty_text_or_another_network_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").touch()
    (tmp_path / "text.onnx").write_text("a detector\n" * 50)
    write_yunet(tmp_path / "half.onnx", outputs=("cls", "obj"))
    cases = {
        "none.onnx": "No such file",
        "empty.onnx": "found something else",
        "text.onnx": "found something else",
        "half.onnx": "found something else",
    }
    for name, words in cases.items():
        with pytest.raises(FaceError, match=words) as caught:
            YunetDetector(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith(str(tmp_path / name))


def test_what_opencv_prints_of_a_bad_file_is_not_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.onnx").write_text("a detector\n" * 50)
    with pytest.raises(FaceError):
        YunetDetector(tmp_path / "text.onnx")
    assert capfd.readouterr().err == ""
