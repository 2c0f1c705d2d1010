"""The commands about GenTL producers: gentl build, gentl list."""

from pathlib import Path
from typing import Annotated

import typer

ACCESS = {1: "free", 2: "to be read only", 3: "no access", 4: "in use", 5: "in use", 6: "in use"}
"""GenTL 1.5, DEVICE_ACCESS_STATUS."""


def gentl_build(
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Compile into this folder; otherwise into the user's cache."),
    ] = None,
) -> None:
    """Compile the project's own GenTL producer for Linux, where no vendor's is at hand; print its path.

    It needs gcc, pkg-config and libaravis-dev. What was compiled before is used again while it fits.
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
            help="Ask only these instead of everybody on all networks; the project's own producer can.",
        ),
    ] = None,
) -> None:
    """List the GenICam cameras that a producer finds: serial number (for the rig file), model, who has it.

    Example: mavfer gentl list --address 192.168.5.20
    """
    import os

    from ..flir.harvest import load_producer
    from ..gentl.build import ADDRESS_VARIABLE
    from ..producers import find_producers

    if address is not None:
        _require_addresses(address)
        os.environ[ADDRESS_VARIABLE] = address
    producer = find_producers(cti)[0]
    harvester = load_producer(producer.path)
    try:
        cameras = [info.property_dict for info in harvester.device_info_list]
    finally:
        harvester.reset()
    for camera in cameras:
        serial, vendor, model = (camera.get(name) or "-" for name in ("serial_number", "vendor", "model"))
        typer.echo(f"{serial}  {vendor} {model}  {ACCESS.get(camera.get('access_status') or 0, 'unknown')}")
    if not cameras:
        typer.echo(f"no camera answers through {producer.path}", err=True)
        raise typer.Exit(1)


def _require_addresses(text: str) -> None:
    """Refuse what the producer would refuse: harvesters does not hand its reason on."""
    from ipaddress import AddressValueError, IPv4Address

    for word in text.replace(",", " ").replace(";", " ").split():
        try:
            IPv4Address(word)
        except AddressValueError as error:
            raise typer.BadParameter(
                f"wanted IPv4 addresses with spaces between, found {word!r}", param_hint="--address"
            ) from error
