import pytest

from mavfer.capture.flir_settings import FlirSettings
from mavfer.capture.recorder_settings import RecorderSettings
from mavfer.capture.rig import Rig, read_rig, simulated_rig_file
from mavfer.errors import ConfigError


def test_the_simulated_rig_file_reads_as_the_rig_it_describes(tmp_path):
    file = tmp_path / "rig.toml"
    file.write_text(simulated_rig_file(name="lab", fps=12.5), encoding="utf-8")
    rig = read_rig(file)
    assert (rig.name, rig.fps, rig.keep) == ("lab", 12.5, "nearest")
    assert list(rig.recorders) == ["kinect", "thermal"]
    assert rig.is_simulated
    assert not rig.is_virtual


def test_a_videos_path_is_relative_to_the_rig_file(tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"")
    file = tmp_path / "rig.toml"
    file.write_text('[recorders.cam]\ncamera = "video"\npath = "film.mp4"\n', encoding="utf-8")
    rig = read_rig(file)
    assert rig.recorders["cam"].path == tmp_path / "film.mp4"
    assert not rig.is_simulated


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "recorders is missing"),
        ("[recorders]\n", "recorders: wanted 1 or more entries, found 0"),
        ('fps = 0\n[recorders.a]\ncamera = "simulated_a65"\n', "fps: wanted more than 0, found 0"),
        ('keep = "some"\n[recorders.a]\ncamera = "simulated_a65"\n', "keep: .*'nearest' or 'all'"),
        (
            '[recorders."a/b"]\ncamera = "simulated_a65"\n',
            "recorders: wanted .* for a name, found 'a/b'",
        ),
        ('[recorders.a]\ncamera = "telephone"\n', r"recorders\.a\.camera: .*simulated_kinect"),
        ('[recorders.a]\ncamera = "video"\n', "needs a path"),
        ('[recorders.a]\ncamera = "video"\npath = "no.mp4"\n', r"recorders\.a\.path wants a video file"),
        (
            '[recorders.a]\ncamera = "simulated_a65"\ntypo = 1\n',
            r"recorders\.a\.typo: no such key; known here: host, camera",
        ),
        (
            '[recorders.a]\ncamera = "simulated_a65"\n[simulated]\nlight = 7\n',
            r"simulated\.light: wanted at most",
        ),
        ("fps = = 3", "syntax error"),
        (
            '[simulated]\nwire = true\n[recorders.a]\ncamera = "simulated_a65"\n[recorders.b]\n'
            'camera = "replay"\nreplay = { session = "S01", pace = "fast" }\n',
            "wants wire = false",
        ),
        ('[recorders.master]\ncamera = "simulated_a65"\n', "other names than 'master'"),
        ('[recorders.a]\ncamera = "simulated_a65"\nhost = "10.0.0.7"\n', r"recorders\.a wants a \[master\]"),
        (
            '[recorders.a]\ncamera = "simulated_a65"\nhost = "a b"\n',
            r"recorders\.a\.host: wanted .*, found 'a b'",
        ),
        (
            '[master]\nhost = "10.0.0.1"\n[recorders.a]\ncamera = "simulated_a65"\nhost = "10.0.0.7"\n',
            r"over the network wants keys = FOLDER",
        ),
        ('[master]\nport = 80\n[recorders.a]\ncamera = "simulated_a65"\n', r"master\.port: .*1024"),
        (
            '[master]\n[recorders.a]\ncamera = "simulated_a65"\n[simulated]\nclock = "virtual"\n',
            "wants no .master.",
        ),
        (
            'reserve_mb = 0\n[recorders.a]\ncamera = "simulated_a65"\n',
            "reserve_mb: wanted at least 1, found 0",
        ),
        ('color = "png"\n[recorders.a]\ncamera = "simulated_a65"\n', "color: .*'jpeg', 'lossless'"),
        (
            '[recorders.a]\ncamera = "simulated_a65"\n[recorders.a.skew]\ndrift_ppm = 1e6\n',
            r"recorders\.a\.skew\.drift_ppm: .*10000",
        ),
    ],
)
def test_a_malformed_rig_file_is_refused_with_file_key_and_reason(tmp_path, text, complaint):
    file = tmp_path / "rig.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint) as caught:
        read_rig(file)
    assert str(caught.value).endswith(str(file))


def test_a_missing_rig_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"found nothing: .*rig\.toml"):
        read_rig(tmp_path / "rig.toml")


def test_a_rig_without_a_simulated_table_has_the_default_scene():
    rig = Rig.model_validate({"recorders": {"a": {"camera": "simulated_a65"}}})
    assert rig.scene.target == "face"
    assert not rig.is_virtual


def recorder(**settings):
    return RecorderSettings.model_validate(settings)


def test_a_recorder_on_another_machine_keeps_its_own_places_and_films_as_the_master_says():
    master = recorder(
        camera="flir_a65", host="10.0.0.7", flir_a65={"cti": "M.cti", "gain": "low"}, queue_length=7
    )
    own = recorder(camera="flir-a65", folder="here", flir_a65={"cti": "O.cti", "gain": "high"})
    wanted = recorder(
        camera="flir_a65",
        host="10.0.0.7",
        folder="here",
        flir_a65={"cti": "O.cti", "gain": "low"},
        queue_length=7,
    )
    assert master.with_places_of(own) == wanted
    without = master.with_places_of(recorder(camera="flir_a65"))
    assert without.flir_a65 == FlirSettings(gain="low")


def test_places_of_another_kind_of_camera_are_no_places_of_this_one():
    master, own = recorder(camera="webcam", webcam={"fps": 15}), recorder(camera="video", path="film.mp4")
    assert master.with_places_of(own) == recorder(camera="webcam", webcam={"fps": 15})
    replayed = recorder(camera="replay", replay={"session": "S01", "recorder": "cam"})
    with pytest.raises(ConfigError, match=r"replay\.session is missing: this machine's rig file"):
        replayed.with_places_of(own)
