from pathlib import Path

from mavfer.model.weight_name import absolute, parted


def test_a_layout_is_told_from_a_file_that_has_an_equals_sign_in_its_name(tmp_path: Path) -> None:
    file = tmp_path / "lr=1e-4.pt"
    assert parted(f"vgg-face-caffe={file}") == ("vgg-face-caffe", file)
    file.write_bytes(b"")
    assert parted(file) == ("", file)
    assert parted(tmp_path / "none.pt") == ("", tmp_path / "none.pt")


def test_what_is_made_absolute_names_the_same_weights(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("run") == str(tmp_path / "run")
    assert absolute("vgg-face=w.pt") == f"vgg-face={tmp_path / 'w.pt'}"
    assert absolute(absolute("vgg-face=w.pt")) == absolute("vgg-face=w.pt")
