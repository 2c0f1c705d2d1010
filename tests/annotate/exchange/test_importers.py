"""Ratings of CARMA, DARMA and NOVA as traces: times, scales, names, and what is wrong with a file."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavfer.annotate.exchange.binned import read_carma, read_darma
from mavfer.annotate.exchange.importing import import_ratings
from mavfer.annotate.exchange.nova import read_nova
from mavfer.annotate.exchange.rated import Names, Rated, trace_of
from mavfer.annotate.trace import read_trace
from mavfer.errors import MavferError, TraceError, UsageError

CARMA = """Time of Rating,02-Mar-2017 10:11:12
Multimedia File,file://localhost/C:/videos/clip, one.mp4
Lower Label,very negative
Upper Label,very positive
Minimum Value,-100
Maximum Value,100
Number of Steps,9
Second,Rating
%%%%%%,%%%%%%
0.5,-100
1,NaN
1.5,50"""
OLD_CARMA = """Filename,Lower Label,Minimum Value,Midpoint Value,Maximum Value,Number of Steps,Second,Rating
C:\\Users\\x\\Sample, Videos\\Wildlife.wmv,very negative,0,5,10,9,1,0
C:\\Users\\x\\Sample, Videos\\Wildlife.wmv,very negative,0,5,10,9,2,7.5
"""
DARMA = """Time of Rating,01-Jan-2016 09:00:00,,
Multimedia File,talk.avi,,
Magnitude,1000,,
Second,Valence,Arousal,Button
%%%%%%,%%%%%%,%%%%%%,%%%%%%
1,500,-1000,0
2,NaN,0,1
3,1000,NaN,0"""
NOVA = """<?xml version="1.0" ?>
<annotation ssi-v="3">
    <info ftype="{ftype}" size="4" />
    <meta annotator="J. Müller" {role}/>
    <scheme name="Arousal" type="CONTINUOUS" sr="25" min="0" max="1" mincolor="#FF" maxcolor="#FF" />
</annotation>
"""


def put(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def nova_file(folder: Path, name: str = "clip", *, ftype: str = "ASCII", role: str = "") -> Path:
    path = put(folder / f"{name}.annotation", NOVA.format(ftype=ftype, role=role).encode("cp1252"))
    values = [(0.0, 1.0), (0.25, 1.0), (float("nan"), 0.0), (1.0, 0.5)]
    if ftype == "BINARY":
        put(folder / f"{name}.annotation~", b"".join(struct.pack("<2f", *pair) for pair in values))
    else:
        lines = "".join(f"{value};{sure:.2f}\n" for value, sure in values).replace("0.25", "0,25")
        put(folder / f"{name}.annotation~", lines.replace("nan", "NaN"))
    return path


def test_bins_of_carma_stand_at_their_middle_on_our_scale(tmp_path: Path) -> None:
    put(tmp_path / "in" / "a.csv", CARMA)
    names = Names({"rater": "anna", "dimension": "valence"})
    done = import_ratings(tmp_path / "in", tmp_path / "out", read=read_carma, suffixes=(".csv",), names=names)
    assert done.troubles == ()
    trace = read_trace(tmp_path / "out" / "clip-one.anna.valence.csv")
    np.testing.assert_allclose(trace.time_s, [0.25, 0.75, 1.25])
    np.testing.assert_array_equal(trace.value, [-10, np.nan, 5])
    assert trace.origin is not None
    assert trace.origin.model_dump(exclude_none=True, exclude={"comments", "lag_s"}) == {
        "source": "CARMA",
        "resampling": "means of bins of 0.5 s, at their middle",
        "scale": (-100, 100),
        "file": "a.csv",
    }


def test_a_file_of_the_first_carma_is_one_table(tmp_path: Path) -> None:
    (one,) = read_carma(put(tmp_path / "w.csv", OLD_CARMA))
    assert (one.said, one.scale) == ({"session": "Wildlife"}, (0, 10))
    np.testing.assert_allclose(one.time_s, [0.5, 1.5])
    np.testing.assert_allclose(one.value, [0, 7.5])


def test_a_file_that_a_spreadsheet_saved_again_is_the_same(tmp_path: Path) -> None:
    plain = CARMA.replace("clip, one.mp4", "clip.mp4")
    german = plain.replace(",", ";").replace("0.5;", "0,5;").replace("1.5;", "1,5;").replace("\n", "\r\n")
    (one,), (two,) = (
        read_carma(put(tmp_path / "a.csv", plain)),
        read_carma(put(tmp_path / "b.csv", "\ufeff" + german)),
    )
    np.testing.assert_array_equal(one.time_s, two.time_s)
    np.testing.assert_array_equal(one.value, two.value)
    assert (one.scale, one.said) == (two.scale, two.said)


def test_a_file_of_darma_is_two_traces_by_the_names_of_its_axes_or_as_told(tmp_path: Path) -> None:
    path = put(tmp_path / "in" / "talk_bo.csv", DARMA)
    names = Names(pattern="{session}_{rater}")
    import_ratings(path, tmp_path / "out", read=read_darma, suffixes=(".csv",), names=names)
    valence = read_trace(tmp_path / "out" / "talk.bo.valence.csv")
    arousal = read_trace(tmp_path / "out" / "talk.bo.arousal.csv")
    np.testing.assert_array_equal(valence.value, [5, np.nan, 10])
    np.testing.assert_array_equal(arousal.value, [-10, 0, np.nan])
    np.testing.assert_array_equal(valence.time_s, [0.5, 1.5, 2.5])
    put(path, DARMA.replace("Valence,Arousal", "Affiliation,Dominance"))
    done = import_ratings(path, tmp_path / "no", read=read_darma, suffixes=(".csv",), names=names)
    assert "dimension valence or arousal, found 'Affiliation'" in str(done.troubles[0])
    x, y = read_darma(path, axes=("arousal", "valence"))
    assert (x.said["dimension"], y.said["dimension"]) == ("arousal", "valence")


@pytest.mark.parametrize("ftype", ["ASCII", "BINARY"])
def test_an_annotation_of_nova_is_read_with_the_data_beside_it(tmp_path: Path, ftype: str) -> None:
    nova_file(tmp_path / "in", ftype=ftype)
    done = import_ratings(
        tmp_path / "in", tmp_path / "out", read=read_nova, suffixes=(".annotation",), names=Names()
    )
    (trace,) = done.traces
    assert (trace.session, trace.rater, trace.dimension) == ("clip", "J-M-ller", "arousal")
    np.testing.assert_allclose(trace.time_s, [0, 0.04, 0.08, 0.12])
    np.testing.assert_array_equal(trace.value, [-10, -5, np.nan, 10])


def test_a_file_of_nova_s_database_is_of_its_folder_and_role(tmp_path: Path) -> None:
    (one,) = read_nova(nova_file(tmp_path / "067_Augsburg", "expert.arousal.mueller"))
    assert one.said["session"] == "067_Augsburg-expert"
    (two,) = read_nova(nova_file(tmp_path / "068", "x", role='role="novice"'))
    assert two.said["session"] == "068-novice"


def test_a_csv_of_nova_wants_its_scale(tmp_path: Path) -> None:
    path = put(tmp_path / "c.csv", "0;0.5;1\n0,04;NaN;1\n0,08;1\n")
    with pytest.raises(TraceError, match="pass --scale"):
        read_nova(path)
    (one,) = read_nova(path, scale=(0, 1))
    np.testing.assert_allclose(one.time_s, [0, 0.04, 0.08])
    assert one.resampling == "25 Hz"


def damaged() -> dict[str, tuple]:
    nova = NOVA.format(ftype="ASCII", role="")
    return {
        "wanted a number, found 'much' in line 11": (read_carma, CARMA.replace("1,NaN", "1,much")),
        "wanted a finite number, found 'inf' in line 12": (read_carma, CARMA.replace("1.5,50", "1.5,inf")),
        "ends at 0.5 s after 1 s in line 12": (read_carma, CARMA.replace("1.5,50", "0.5,50")),
        "'Minimum Value' in the head, found 'nothing'": (read_carma, CARMA.replace("Minimum Value", "Low")),
        "without a line of them": (read_carma, CARMA.split("0.5,")[0]),
        "found '0.151,-0.5597' in its first line": (read_carma, "0.151,-0.5597\n0.25,-0.5\n"),
        "found an empty one": (read_carma, ""),
        "found 'Second,Valence'": (read_darma, DARMA.replace(",Arousal,Button", "")),
        "the XML of NOVA, found something else": (read_nova, "<annotation"),
        "found another XML": (read_nova, '<!DOCTYPE a [<!ENTITY b "c">]><annotation/>'),
        "found <html>": (read_nova, "<html/>"),
        "type CONTINUOUS, found 'DISCRETE'": (read_nova, nova.replace("CONTINUOUS", "DISCRETE")),
        "found no scheme": (read_nova, "<annotation/>"),
        "sr of the scheme, found None": (read_nova, nova.replace('sr="25"', "")),
        "rate above 0 Hz as sr, found 0": (read_nova, nova.replace('sr="25"', 'sr="0"')),
        "data beside the header, could not read it": (read_nova, nova),
    }


def test_what_is_wrong_with_a_file_is_one_line_with_its_path(tmp_path: Path) -> None:
    for number, (complaint, (read, text)) in enumerate(damaged().items()):
        path = put(tmp_path / f"{number}.{'annotation' if read is read_nova else 'csv'}", text)
        with pytest.raises(TraceError) as raised:
            read(path)
        assert complaint in str(raised.value)
        assert "\n" not in str(raised.value)
        assert str(path) in str(raised.value)


def test_data_of_nova_that_is_too_short_or_odd_is_refused(tmp_path: Path) -> None:
    path = nova_file(tmp_path)
    put(tmp_path / "clip.annotation~", "0;1\n0.5;1\n")
    with pytest.raises(TraceError, match="wanted 4 samples as the header says, found 2"):
        read_nova(path)
    put(tmp_path / "clip.annotation~", "0;1\nx;1\n")
    with pytest.raises(TraceError, match="found 'x' in line 2"):
        read_nova(path)
    path = nova_file(tmp_path, ftype="BINARY")
    put(tmp_path / "clip.annotation~", b"\0" * 12)
    with pytest.raises(TraceError, match="pairs of 32-bit floats, found 12 bytes"):
        read_nova(path)


def test_a_file_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    put(tmp_path / "in" / "s1_a.csv", CARMA)
    put(tmp_path / "in" / "s2_a.csv", CARMA.replace("50", "101"))
    put(tmp_path / "in" / "odd.csv", CARMA)
    put(tmp_path / "in" / "deep" / "s1_a.csv", CARMA)

    def bring(**names: object) -> list[str]:
        given = Names({"dimension": "valence"}, **names)  # type: ignore[arg-type]
        done = import_ratings(
            tmp_path / "in",
            tmp_path / "out",
            read=read_carma,
            suffixes=(".csv",),
            names=given,
            overwrite=True,
        )
        return [one.stem for one in done.traces] + [str(one) for one in done.troubles]

    told = bring(pattern="{session}_{rater}")
    assert told[0] == "s1.a.valence"
    assert "a name like '{session}_{rater}', found 'deep/s1_a'" in told[1]
    assert "found 'odd'" in told[2]
    assert "ratings from -100 to 100, found 101 at 1.25 s; pass --scale" in told[3]
    told = bring(pattern="{any}")
    assert all("wanted to know the rater" in one or "found 'deep/s1_a'" in one for one in told)
    with pytest.raises(UsageError, match=r"found \{who\}"):
        Names(pattern="{who}")
    with pytest.raises(UsageError, match="each part once"):
        bring(pattern="{rater}_{rater}")


def test_two_files_of_one_rating_are_not_one(tmp_path: Path) -> None:
    put(tmp_path / "in" / "a.csv", CARMA)
    put(tmp_path / "in" / "b.csv", CARMA)
    names = Names({"rater": "r", "dimension": "arousal"})
    done = import_ratings(tmp_path / "in", tmp_path / "out", read=read_carma, suffixes=(".csv",), names=names)
    assert len(done.traces) == 1
    assert "found another in 'a.csv'; tell them apart by --named" in str(done.troubles[0])
    again = import_ratings(
        tmp_path / "in" / "a.csv", tmp_path / "out", read=read_carma, suffixes=(".csv",), names=names
    )
    assert "--overwrite" in str(again.troubles[0])
    with pytest.raises(MavferError, match="found nothing"):
        import_ratings(tmp_path / "none", tmp_path, read=read_carma, suffixes=(".csv",), names=names)
    with pytest.raises(MavferError, match="found none"):
        import_ratings(tmp_path / "in", tmp_path, read=read_nova, suffixes=(".annotation",), names=names)


@given(st.floats(-1e6, 1e6), st.floats(0.01, 1e6), st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(deadline=None)
def test_a_scale_is_mapped_linearly_and_its_ends_onto_ours(
    low: float, width: float, shares: list[float]
) -> None:
    share = np.array([0, *shares, 1])
    value = np.clip(low + share * width, low, low + width)
    one = Rated("t", Path("f"), np.arange(len(share)), value, (low, low + width), "r")
    trace = trace_of(one, session="s", rater="r", dimension="valence")
    assert (trace.value[0], trace.value[-1]) == (-10, 10)
    np.testing.assert_allclose(trace.value, 20 * share - 10, atol=20 * 1e-9 * (1 + abs(low) / width))


def test_a_scale_that_is_none_is_refused() -> None:
    one = Rated("t", Path("f"), np.arange(2.0), np.zeros(2), (1.0, 1.0), "r")
    with pytest.raises(TraceError, match="from low to high, found 1 to 1"):
        trace_of(one, session="s", rater="r", dimension="valence")
