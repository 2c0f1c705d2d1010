"""What mavfer works with that is no camera: a browser, H.264, dlib's landmark model, a study's database."""

import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from .asked import Asked
from .finding import Check, Finding
from .machine import Machine, Untold, system_install, this_python
from .packages import install_command, read_installed, version_of

BROWSERS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "firefox", "firefox-esr"),
    *("microsoft-edge", "brave-browser", "vivaldi", "opera", "epiphany", "falkon"),
)
ELSEWHERE = {
    "win32": (
        r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files\Mozilla Firefox\firefox.exe",
    ),
    "darwin": ("/Applications/Safari.app", "/Applications/Google Chrome.app", "/Applications/Firefox.app"),
}
MODEL = "shape_predictor_68_face_landmarks.dat"
MODEL_BYTES = 50 * 10**6
"""The file has 99.7 MB; one that is much smaller was cut short."""
DATABASE = "MAVFER_DATABASE"
H264 = "import av; print(av.__version__, *sorted({'libx264', 'aac'} & av.codecs_available))"
CONNECT = """
import os
from sqlalchemy import create_engine, make_url, text
url = make_url(os.environ["MAVFER_DATABASE"]).set(drivername="postgresql+psycopg")
try:
    with create_engine(url, connect_args={"connect_timeout": 2}).connect() as connection:
        print("ok", connection.execute(text("show server_version")).scalar())
except Exception as error:
    told = str(getattr(error, "orig", None) or error)
    print("no", " ".join(told.replace(url.password or "\\0", "***").split()))
"""


@dataclass(frozen=True, slots=True)
class Browser:
    """The browser of the pages that mavfer serves: its name, and whether it has a screen to open on."""

    name: str = ""
    has_screen: bool = True


def read_browser(machine: Machine) -> Browser:
    """Return the first browser that is found."""
    screen = machine.platform != "linux" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    named = os.environ.get("BROWSER", "").split(os.pathsep)[0].split()
    for name in (*named[:1], *BROWSERS):
        if shutil.which(name):
            return Browser(name, screen)
    for path in ELSEWHERE.get(machine.platform, ()):
        if Path(path).exists():
            return Browser(Path(path).stem, screen)
    return Browser("", screen)


def check_browser(found: Browser, *, machine: Machine) -> Finding:
    """Judge the browser."""
    if found.name and found.has_screen:
        return Finding("browser", "ok", found.name)
    tunnel = "no screen here: open the printed links on another machine (ssh -L PORT:127.0.0.1:PORT)"
    if not found.has_screen:
        return Finding("browser", "not needed", f"{found.name or 'none'}; {tunnel}")
    return Finding(
        "browser",
        "warn",
        "none of those that are known",
        "Chromium, Firefox, Edge or another",
        mend=system_install(machine, "chromium"),
        advice="or open the links that are printed on another machine",
    )


def check_h264(told: str, *, needed: bool) -> Finding:
    """Judge what PyAV printed: its version and the encoders it has; `needed` says whether films are made."""
    version, *codecs = told.split() or [""]
    if "libx264" in codecs:
        sound = "" if "aac" in codecs else ", without sound (no AAC)"
        return Finding("H.264", "ok", f"PyAV {version} writes it{sound}")
    mend = f"{this_python()} -m pip install --force-reinstall --only-binary av 'av>=14,<19'"
    return Finding(
        "H.264",
        "fail" if needed else "warn",
        f"PyAV {version} is built without libx264",
        "PyAV from its own wheel",
        mend=mend,
    )


def check_landmarks(path: Path | None, n_bytes: int, *, needed: bool, mend: str) -> Finding:
    """Judge dlib's landmark file: `path` is None where it is absent; `needed` says that faces will be cut."""
    name = "landmark model"
    if path is None:
        state = "fail" if needed else "not needed"
        return Finding(name, state, "not installed", MODEL, mend=mend)
    if n_bytes < MODEL_BYTES:
        state = "fail" if needed else "warn"
        return Finding(
            name,
            state,
            f"{n_bytes} bytes: {path}",
            f"{MODEL_BYTES} or more",
            mend=f"{mend} --force-reinstall",
        )
    return Finding(name, "ok", f"dlib's 68 points, {n_bytes / 1e6:.0f} MB")


def check_database(url: str | None, told: str, *, needed: bool) -> Finding:
    """Judge the study's database.

    Parameters
    ----------
    url : of MAVFER_DATABASE; no part of it but host and name is told
    told : "ok VERSION" or "no REASON", from whoever tried a PostgreSQL server; "" for a file
    needed : whether a study is to be served
    """
    name = "study's database"
    if not url:
        return Finding(name, "not needed", f"{DATABASE} is not set: a file in the study's folder")
    parts = urlsplit(url)
    where = f"{parts.hostname or 'this machine'}, {parts.path.lstrip('/') or 'no name'}"
    if parts.scheme.startswith("sqlite"):
        return Finding(name, "ok", f"a file: {parts.path}")
    state, _, words = told.partition(" ")
    if state == "ok":
        return Finding(name, "ok", f"PostgreSQL {words} at {where}")
    return Finding(
        name,
        "fail" if needed else "warn",
        f"{where}: {words or 'no answer'}",
        f"the server that {DATABASE} names",
        advice=f"start the server, or correct {DATABASE}; unset, a file in the study's folder is it",
    )


def checks(asked: Asked) -> list[Check]:
    """Return what is looked at for a use."""
    use = asked.use

    def browser() -> Finding:
        return check_browser(read_browser(asked.machine), machine=asked.machine)

    def h264() -> Finding:
        if version_of("av") is None:
            mend = install_command(_checkout(), "annotate" if use == "rate" else "build")
            state = "fail" if use in ("rate", "build") else "not needed"
            return Finding("H.264", state, "PyAV is not installed", "PyAV", mend=mend)
        return check_h264(asked.machine.run(["-c", H264], python=True), needed=use == "rate")

    def landmarks() -> Finding:
        path = _model_path()
        n_bytes = path.stat().st_size if path is not None else 0
        return check_landmarks(
            path, n_bytes, needed=use == "build", mend=install_command(_checkout(), "build")
        )

    def database() -> Finding:
        url = os.environ.get(DATABASE)
        told = ""
        if url and not url.startswith("sqlite"):
            try:
                told = asked.machine.run(["-c", CONNECT], python=True)
            except Untold as why:
                told = f"no {why}"
        return check_database(url, told.strip(), needed=use == "rate")

    wanted = {
        "browser": (browser, ("record", "rate", "build", "all")),
        "H.264": (h264, ("rate", "build", "all")),
        "landmark model": (landmarks, ("build", "all")),
        "study's database": (database, ("rate", "all")),
    }
    return [Check(name, look) for name, (look, uses) in wanted.items() if use in uses]


def _checkout() -> Path | None:
    return read_installed().checkout


def _model_path() -> Path | None:
    """Return where dlib's landmark file lies, found as preprocess/faces/landmarks.py does."""
    spec = find_spec("face_recognition_models")
    folders = (spec.submodule_search_locations or ()) if spec is not None else ()
    return next((path for one in folders if (path := Path(one) / "models" / MODEL).is_file()), None)
