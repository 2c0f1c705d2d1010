import pytest

from mavfer.capture.protocol import Consent, Protocol, Step, StepMarker
from mavfer.capture.protocol_file import (
    ProtocolFile,
    example_protocol_file,
    fits_shape,
    read_protocol,
    take_metadata,
)
from mavfer.command_line import command_line
from mavfer.errors import ConfigError

STUDY = ProtocolFile.model_validate(
    {
        "name": "study",
        "operator": "AB",
        "notes": "blinds closed",
        "consent": {"required": True, "scope": ["analysis", "share"]},
        "steps": [{"name": "video", "seconds": 600}, {"name": "interview", "seconds": 300.5}],
    }
)


def write(folder, text):
    file = folder / "protocol.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_example_is_the_papers_protocol_ten_minutes_of_video_and_five_of_interview(tmp_path):
    read = read_protocol(write(tmp_path, example_protocol_file(name='a "quoted" name')))
    assert read.name == 'a "quoted" name'
    assert [(step.name, step.seconds) for step in read.steps] == [
        ("relaxing video", 600.0),
        ("interview", 300.0),
    ]
    assert read.seconds == 900
    assert read.consent.required
    assert read.keys["1"] == "subject smiles"
    assert take_metadata(read, subject="S01", consent="C-7").protocol == read.protocol


def test_the_example_explains_every_key():
    text = example_protocol_file()
    keys = {*ProtocolFile.model_fields, *Step.model_fields, *StepMarker.model_fields}
    keys |= set(type(STUDY.consent).model_fields)
    assert [key for key in keys if f"{key} =" not in text and f"[{key}]" not in text] == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "name is missing"),
        ('name = ""', r"name: wanted text of 1 or more characters, found ''"),
        ('name = "a\\nb"', r"name: .*found 'a\\nb'"),
        ("name = = 3", "syntax error"),
        ('name = "a"\ntypo = 1', r"typo: no such key; known here: name, operator"),
        ('name = "a"\noperator = "Ann B"', "operator: .*letters, digits, '_', '-' and '.', found 'Ann B'"),
        ('name = "a"\noperator = "a@b.org"', "operator: .*letters, digits"),
        ('name = "a"\nnotes = "ask ann@lab.org"', "notes: .*mail address: 'ann@lab.org'"),
        ('name = "a"\nsubject_like = "S *"', r"subject_like: .*'#' for a digit.*found 'S \*'"),
        ('name = "a"\n[consent]\nscope = ["all"]', r"consent\.scope\.0: .*'analysis'.*found 'all'"),
        (
            'name = "a"\n[consent]\nrequired = "often"',
            r"consent\.required: wanted true or false, found 'often'",
        ),
        ('name = "a"\n[keys]\n10 = "x"', r"keys: wanted '1', .* for a name, found '10'"),
        ('name = "a"\n[keys]\n1 = ""', r"keys\.1: wanted text of 1 or more characters"),
        ('name = "a"\n[[steps]]', r"steps\.0\.name is missing"),
        ('name = "a"\n[[steps]]\nname = "v"\nseconds = 0', r"steps\.0\.seconds: wanted more than 0, found 0"),
        ('name = "a"\n[[steps]]\nname = "v"\nseconds = nan', r"steps\.0\.seconds: .*found nan"),
        (
            'name = "a"\n[[steps]]\nname = "v"\nseconds = 60\nmarkers = [{ label = "m", after_s = 60 }]',
            r"steps\.0: .*marker 'm' wants after_s below the step's 60 seconds, found 60",
        ),
        (
            'name = "a"\n[[steps]]\nname = "v"\nmarkers = [{ label = "m", after_s = -1 }]',
            r"steps\.0\.markers\.0\.after_s: wanted at least 0, found -1",
        ),
        (
            'name = "a"\n[[steps]]\nname = "v"\n[[steps]]\nname = "v"',
            "steps: .*name of its own for each, found 'v' 2 times",
        ),
        (
            'name = "a"\n[[steps]]\nname = "v"\nseconds = 86400\n[[steps]]\nname = "w"\nseconds = 1',
            "steps: .*at most 86400 seconds together, found 86401",
        ),
    ],
)
def test_a_malformed_protocol_file_is_refused_with_file_key_and_range(tmp_path, text, complaint):
    file = write(tmp_path, text)
    with pytest.raises(ConfigError, match=complaint) as caught:
        read_protocol(file)
    assert str(caught.value).endswith(str(file))
    assert "\n" not in str(caught.value)


def test_a_missing_protocol_file_and_one_that_is_no_text_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"found nothing: .*protocol\.toml"):
        read_protocol(tmp_path / "protocol.toml")
    (tmp_path / "protocol.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError, match=r"could not read it .*protocol\.toml"):
        read_protocol(tmp_path / "protocol.toml")


def test_the_planned_length_is_the_sum_of_the_steps_and_unknown_if_one_is_open_ended():
    assert STUDY.seconds == 900.5
    assert Protocol(name="a").seconds is None
    assert Protocol(name="a", steps=(Step(name="v", seconds=1), Step(name="w"))).seconds is None


def test_the_step_in_which_a_take_is_over_too_early_is_named_and_only_then():
    steps = (Step(name="v", seconds=2), Step(name="w", seconds=3), Step(name="x", seconds=1))
    protocol = Protocol(name="a", steps=steps)
    assert [protocol.unreached(seconds) for seconds in (6, 6.5)] == ["", ""]
    for seconds, step in ((1.5, "1 of 3: 'v'"), (2, "2 of 3: 'w'"), (5.5, "3 of 3: 'x'")):
        assert protocol.unreached(seconds) == (
            f"the protocol's steps take 6 s, the take ends after {seconds:g} s, in step {step}"
        )
    steps = (Step(name="open"), *steps)
    assert "take at least 6 s" in Protocol(name="a", steps=steps).unreached(1)
    assert Protocol(name="a", steps=(Step(name="open"),)).unreached(1) == ""
    assert Protocol(name="a").unreached(1) == ""


def test_a_take_says_what_the_file_says_unless_it_says_otherwise():
    plain = take_metadata(STUDY, subject="S01", consent="C-1")
    assert plain == (
        Consent(reference="C-1", scope=("analysis", "share")),
        STUDY.protocol,
        "AB",
        "blinds closed",
    )
    own = take_metadata(STUDY, subject="S01", consent="C-1", scope=["analysis"], operator="CD", notes="late")
    assert own.consent == Consent(reference="C-1", scope=("analysis",))
    assert (own.operator, own.notes) == ("CD", "blinds closed\nlate")
    assert take_metadata(STUDY, subject="S01", consent="C-1", scope=[]).consent == Consent(reference="C-1")


def test_without_a_protocol_file_nothing_is_asked_for():
    assert take_metadata(None, subject="S01") == (None, None, "", "")
    assert take_metadata(None, subject="S01", consent="C/1").consent == Consent(reference="C/1")


@pytest.mark.parametrize("consent", [None, ""])
def test_a_protocol_that_requires_consent_refuses_a_take_without_its_reference(consent):
    with pytest.raises(ConfigError, match="'study' wants the reference of the signed consent form"):
        take_metadata(STUDY, subject="S01", consent=consent)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"subject": "Ann Example"}, "subject wants letters, digits.*never a name, found 'Ann Example'"),
        ({"subject": "ann@x.org"}, "subject wants letters"),
        ({"subject": ""}, "subject wants letters.*found ''"),
        ({"subject": "S01\n"}, "subject wants letters"),
        ({"consent": "Ann Example"}, "consent wants letters.*found 'Ann Example'"),
        ({"consent": "ann@x.org"}, "consent wants letters"),
        ({"consent": "s01"}, "found the subject's pseudonym 'S01'"),
        ({"operator": "Bea B"}, "operator: .*initials or a pseudonym"),
        ({"operator": "s01"}, "pseudonym that is not the operator's"),
        ({"notes": "mail ann@x.org"}, "notes: .*mail address"),
        ({"notes": "\udc80"}, "notes: wanted text in UTF-8"),
        ({"scope": ["all"]}, r"scope\.0: .*'analysis'"),
    ],
)
def test_what_is_or_may_be_a_name_is_refused(said, complaint):
    with pytest.raises(ConfigError, match=complaint) as caught:
        take_metadata(STUDY, **{"subject": "S01", "consent": "C-1", **said})
    assert "\n" not in str(caught.value)


def test_a_scope_without_a_form_is_refused():
    with pytest.raises(ConfigError, match="consent form that allows share, found none"):
        take_metadata(None, subject="S01", scope=["share"])


def test_codes_have_the_shape_that_the_lab_gives_them():
    study = STUDY.model_copy(
        update={
            "subject_like": "S##",
            "consent": STUDY.consent.model_copy(update={"reference_like": "C-????/#"}),
        }
    )
    assert take_metadata(study, subject="S07", consent="C-form/3").consent is not None
    with pytest.raises(ConfigError, match=r"subject wants the shape 'S##' .*found 'Anna'"):
        take_metadata(study, subject="Anna", consent="C-form/3")
    with pytest.raises(ConfigError, match=r"consent wants the shape 'C-.*found 'C-7'"):
        take_metadata(study, subject="S07", consent="C-7")


def test_every_sign_of_a_shape_that_is_no_hash_or_question_mark_stands_for_itself():
    assert fits_shape("a.b-7", "a.?-#")
    assert not fits_shape("axb-7", "a.?-#")
    assert not fits_shape("a.b-7x", "a.?-#")
    assert not fits_shape("a.b-٧", "a.?-#")


def test_the_command_writes_a_protocol_file_once(tmp_path, capsys):
    file = tmp_path / "protocol.toml"
    command = ["protocol", "new", "--out", str(file), "--name", "pilot"]
    command_line()(command, standalone_mode=False)
    assert read_protocol(file).name == "pilot"
    assert f"--protocol {file}" in capsys.readouterr().out
    with pytest.raises(Exception, match="pass --overwrite"):
        command_line()(command, standalone_mode=False)
