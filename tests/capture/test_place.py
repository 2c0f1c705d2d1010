"""Where a session may be made: never inside another one, whoever names the folder however."""

import pytest

from mavfer.capture.place import Place, require_place
from mavfer.errors import OutputError


def test_a_folder_inside_a_session_is_refused_in_one_line_and_nothing_is_made(make_session, monkeypatch):
    outer = make_session()
    before = sorted(outer.rglob("*"))
    monkeypatch.chdir(outer)
    for path in (outer / "inner", outer / "deep" / "inner", outer.relative_to(outer) / "inner"):
        with pytest.raises(OutputError, match=f"found one inside {outer}: .*inner") as caught:
            require_place(path, overwrite=True)
        assert "\n" not in str(caught.value)
        with pytest.raises(OutputError, match="outside of other sessions"):
            Place(path, overwrite=False).make()
    assert sorted(outer.rglob("*")) == before


def test_a_folder_beside_a_session_is_free(make_session):
    outer = make_session()
    require_place(outer.with_name("beside"), overwrite=False)
    require_place(outer / ".." / "beside", overwrite=False)
    require_place(outer, overwrite=True)
