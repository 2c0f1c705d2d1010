"""The commands about GenTL producers: gentl build, gentl list."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import CameraError
from ...facts import AsJson, print_json

if TYPE_CHECKING:
    from ..producers import Producer

ACCESS = {1: "free", 2: "to be read only", 3: "no access", 4: "in use", 5: "in use", 6: "in use"}
"""GenTL 1.5, DEVICE_ACCESS_STATUS."""


def gentl_build(
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Compile into this folder; otherwise into the user's cache."),
    ] = None,
) -> None:
    """Compile the project's own GenTL producer for Linux, where no vendor's is at hand; print its path.

    It needs gcc, pkg-config and libaravis-dev. What was compiled before is used again while it fits.

    Example: mavfer gentl build
    """
    from ..gentl.build import build_producer

    typer.echo(build_producer(out))


def gentl_list(
    cti: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The producer; otherwise the one a recorder would take first."),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESSES",
            help="IPv4, commas between: ask only these, not all networks; the project's own producer can.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the GenICam cameras that a producer finds: serial number (for the rig file), model, who has it.

    Example: mavfer gentl list
    Example: mavfer gentl list --address 192.168.5.20
    """
    import os

    from ..flir.harvest import POWER
    from ..gentl.build import ADDRESS_VARIABLE
    from ..producers import find_producers

    if address is not None:
        _require_addresses(address)
        os.environ[ADDRESS_VARIABLE] = address
    named = None if cti is None else str(Path(cti).absolute())
    producer, harvester = _first_that_loads(find_producers(named, named_by="--cti"))
    try:
        cameras = [info.property_dict for info in harvester.device_info_list]
    finally:
        harvester.reset()
    found = [
        {
            **{name: camera.get(name) or "-" for name in ("serial_number", "vendor", "model")},
            "access": ACCESS.get(camera.get("access_status") or 0, "unknown"),
        }
        for camera in cameras
    ]
    if as_json:
        print_json({"producer": producer.path, "cameras": found})
    else:
        for one in found:
            typer.echo("{serial_number}  {vendor} {model}  {access}".format_map(one))
    if not cameras:
        asked = "" if address is None else f" at {address}"
        typer.echo(f"no camera answers{asked}; {POWER} {producer.path}", err=True)
        raise typer.Exit(1)


def _first_that_loads(producers: "Sequence[Producer]") -> "tuple[Producer, Any]":
    """Return the first producer that is one, loaded; as a recorder takes it. Raises CameraError."""
    from ..flir.harvest import load_producer

    for number, producer in enumerate(producers, start=1):
        try:
            return producer, load_producer(producer.path)
        except CameraError as error:
            if number == len(producers):
                raise
            typer.echo(f"passed over: {error}", err=True)
    raise CameraError("wanted a GenTL producer, found none")


def _require_addresses(text: str) -> None:
    """Refuse what the producer would refuse: harvesters does not hand its reason on."""
    from ipaddress import AddressValueError, IPv4Address

    words = text.replace(",", " ").replace(";", " ").split()
    if not words:
        raise typer.BadParameter("wanted IPv4 addresses, found none", param_hint="--address")
    for word in words:
        try:
            IPv4Address(word)
        except AddressValueError as error:
            raise typer.BadParameter(
                f"wanted IPv4 addresses with spaces between, found {word!r}", param_hint="--address"
            ) from error
