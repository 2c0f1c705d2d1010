"""Requirements are read as the packages' own tool reads them (`packaging`, the peer)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.requirements import Requirement as PeerRequirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import mavfer.doctor.requirements as own

NUMBERS = st.integers(0, 3)
RELEASES = st.lists(NUMBERS, min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
PRE = st.sampled_from(["", "a1", "b2", "rc1", "rc2"])
POST = st.sampled_from(["", ".post1", ".post2"])
DEV = st.sampled_from(["", ".dev0", ".dev3"])
EPOCH = st.sampled_from(["", "", "", "1!"])
VERSIONS = st.tuples(EPOCH, RELEASES, PRE, POST, DEV).map("".join)
INSTALLED = st.tuples(VERSIONS, st.sampled_from(["", "+cpu", "+cu130.1"])).map("".join)


@given(INSTALLED, st.sampled_from([">", "<"]), st.tuples(EPOCH, RELEASES).map("".join))
def test_a_version_lies_beyond_a_final_one_where_the_peer_says_so(version, operator, wanted):
    peer = SpecifierSet(f"{operator}{wanted}").contains(version, prereleases=True)
    assert own.satisfies(version, operator, wanted) == peer


@given(INSTALLED, st.sampled_from(["==", "!=", ">=", "<="]), VERSIONS)
def test_a_version_fits_where_the_peer_says_so(version, operator, wanted):
    peer = SpecifierSet(f"{operator}{wanted}").contains(version, prereleases=True)
    assert own.satisfies(version, operator, wanted) == peer


@given(INSTALLED, st.sampled_from(["==", "!="]), RELEASES)
def test_a_version_fits_a_prefix_where_the_peer_says_so(version, operator, release):
    wanted = f"{release}.*"
    peer = SpecifierSet(f"{operator}{wanted}").contains(version, prereleases=True)
    assert own.satisfies(version, operator, wanted) == peer


@given(VERSIONS, st.lists(NUMBERS, min_size=2, max_size=3))
def test_a_compatible_version_is_one_for_the_peer(version, parts):
    wanted = ".".join(map(str, parts))
    peer = SpecifierSet(f"~={wanted}").contains(version, prereleases=True)
    assert own.satisfies(version, "~=", wanted) == peer


@given(VERSIONS, VERSIONS)
def test_versions_are_ordered_as_the_peer_orders_them(one, other):
    assert (own.version_key(one) < own.version_key(other)) == (Version(one) < Version(other))


@pytest.mark.parametrize(
    "marker",
    [
        'extra == "record"',
        "(sys_platform != 'darwin' or platform_machine == 'arm64') and extra == 'record'",
        "sys_platform == 'win32' and extra == 'record'",
        "python_version >= '3.11' and python_version < '4'",
        "python_version < '3.9' or extra == 'x'",
        "'linux' in sys_platform",
        "sys_platform not in 'win32 darwin' and (extra == 'x' or extra == 'record')",
        "platform_python_implementation == 'CPython' and implementation_name != 'pypy'",
    ],
)
@pytest.mark.parametrize("extra", ["", "record", "x"])
@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
def test_a_marker_holds_where_the_peer_says_so(marker, extra, platform):
    names = own.environment() | {"extra": extra, "sys_platform": platform}
    assert own.holds(marker, names) == Marker(marker).evaluate(names)


@pytest.mark.parametrize(
    "line",
    [
        "numpy>=2.0",
        "av<19,>=14; extra == 'build'",
        "psycopg[binary] (>=3.2) ; extra == 'annotate'",
        "Foxglove_Schemas.Protobuf",
        "mavfer[annotate,build]; extra == 'all'",
        "torch==2.13.0",
        "opencv-python ==4.*",
    ],
)
def test_a_requirement_says_what_the_peer_reads_in_it(line):
    found, peer = own.parse_requirement(line), PeerRequirement(line)
    assert found.name == canonicalize_name(peer.name)
    assert set(found.extras) == peer.extras
    assert SpecifierSet(found.wanted) == peer.specifier
    assert bool(found.marker) == (peer.marker is not None)


@pytest.mark.parametrize("line", ["", ">=2", "name>>2", "name==", "name @ file:///x", "name>=2;;", "-x"])
def test_what_is_no_requirement_is_refused_in_words(line):
    with pytest.raises(ValueError, match=r"no (requirement|version|marker)"):
        own.parse_requirement(line).applies()


@pytest.mark.parametrize(
    "marker", ["", "extra", "extra ==", "extra == 'a' and", "os.system('x') == ''", "a == 'b'", "1 < 2 < 3"]
)
def test_what_is_no_marker_is_refused_and_never_run(marker):
    with pytest.raises(ValueError, match="marker"):
        own.holds(marker, own.environment() | {"extra": ""})


def test_a_version_that_cannot_be_read_fits_only_itself():
    assert own.satisfies("unknown", "==", "unknown")
    assert not own.satisfies("unknown", ">=", "1.0")
    assert own.satisfies("unknown", "!=", "1.0")
