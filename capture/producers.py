"""Which GenTL producer (.cti) a camera is reached through, and what is wrong with one that cannot be."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..errors import CameraError

CTI_VARIABLE = "MAVFER_GENTL_CTI"
FOLDERS_VARIABLE = "GENICAM_GENTL64_PATH"
WHERE_TO_GET = (
    "install Teledyne Spinnaker (Windows: cti64/vs2015/Spinnaker_GenTL_v140.cti in its folder, Linux: "
    "lib/flir-gentl/FLIR_GenTL.cti) or Pleora eBUS, or run `mavfer gentl build`, and name the file in "
    f"cti = of the rig file or in {CTI_VARIABLE}"
)


@dataclass(frozen=True, slots=True)
class Producer:
    """A GenTL producer that may be loaded.

    Attributes
    ----------
    path : absolute, of a file that exists
    source : who named it, for the operator
    """

    path: Path
    source: str


def find_producers(
    setting: str | None = None, *, named_by: str = "cti in the rig file"
) -> tuple[Producer, ...]:
    """Return the producers to try, best first; never empty.

    One that the rig file names (`setting`), or MAVFER_GENTL_CTI, is the only one. Otherwise all in the
    folders of GENICAM_GENTL64_PATH, in their order and by name, and last the project's own, if it is built.

    Raises
    ------
    CameraError
        There is none, or the one that is named is a relative path or no file.
    """
    if setting is not None:
        return (_named(setting, source=named_by),)
    if named := os.environ.get(CTI_VARIABLE):
        return (_named(named, source=CTI_VARIABLE),)
    folders = [folder for folder in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if folder]
    found = [
        Producer(path.resolve(), FOLDERS_VARIABLE)
        for folder in dict.fromkeys(folders)
        for path in sorted(Path(folder).glob("*.cti"))
        if path.is_file()
    ]
    from .gentl.build import built_producer, outdated_producer

    if (own := built_producer()) is not None:
        found.append(Producer(own, "`mavfer gentl build`"))
    if not found:
        if outdated_producer():
            raise CameraError(
                "wanted a GenTL producer (.cti), found one that an earlier mavfer has built; run "
                "`mavfer gentl build` again"
            )
        looked = f" in {FOLDERS_VARIABLE} = {os.pathsep.join(folders)}" if folders else ""
        raise CameraError(f"wanted a GenTL producer (.cti), found none{looked}; {WHERE_TO_GET}")
    return tuple({producer.path: producer for producer in reversed(found)}.values())[::-1]


def _named(text: str, *, source: str) -> Producer:
    path = Path(text)
    if not path.is_absolute():
        elsewhere = PureWindowsPath(text).is_absolute() or PurePosixPath(text).is_absolute()
        what = "one of another system" if elsewhere else "a relative one"
        raise CameraError(
            f"{source} wants the absolute path of a GenTL producer on this machine, found {what}: {text}"
        )
    if not path.is_file():
        what = "a folder" if path.is_dir() else "nothing there"
        raise CameraError(f"{source} wants a GenTL producer (.cti), found {what}; {WHERE_TO_GET}: {path}")
    return Producer(path, source)
