"""The GenICam XML of the simulated A65, made from its table of nodes (a65_nodes.py)."""

import io
import zipfile
from xml.sax.saxutils import escape, quoteattr

from .a65_nodes import NODES, Node

NAMESPACE = "http://www.genicam.org/GenApi/Version_1_1"
FILE_NAME = "mavfer_simulated_a65.xml"
_ZIP_TIME = (2026, 1, 1, 0, 0, 0)  # the same bytes each time
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<RegisterDescription ModelName="A65" VendorName="FLIR" ToolTip="A65 simulated by mavfer" '
    'StandardNameSpace="GEV" SchemaMajorVersion="1" SchemaMinorVersion="1" SchemaSubMinorVersion="0" '
    'MajorVersion="1" MinorVersion="0" SubMinorVersion="0" '
    'ProductGuid="6d617666-6572-4136-3573-696d756c6174" VersionGuid="6d617666-6572-4136-3573-696d75000001" '
    f'xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    f'xsi:schemaLocation="{NAMESPACE} http://www.genicam.org/GenApi/GenApiSchema_Version_1_1.xsd">\n'
)


def a65_xml(nodes: tuple[Node, ...] = NODES) -> bytes:
    """Return the camera's description, UTF-8: GenApi schema 1.1, elements in the schema's order."""
    categories = list(dict.fromkeys(node.category for node in nodes))
    parts = [_category("Root", categories)]
    for category in categories:
        parts.append(_category(category, [node.name for node in nodes if node.category == category]))
    parts += [_feature(node) for node in nodes]
    return (_HEAD + "".join(parts) + '<Port Name="Device"/>\n</RegisterDescription>\n').encode()


def zipped(xml: bytes) -> bytes:
    """Return the description packed, as most cameras hold it; the same bytes each time."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(FILE_NAME, _ZIP_TIME), xml, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _category(name: str, features: list[str]) -> str:
    listed = "".join(f"<pFeature>{feature}</pFeature>" for feature in features)
    return f"<Category Name={quoteattr(name)}>{listed}</Category>\n"


def _feature(node: Node) -> str:
    """Return a node's feature and, but for texts, the register that it points to."""
    about = (
        f"<ToolTip>{escape(f'simulated; source: {node.source}')}</ToolTip><Visibility>Beginner</Visibility>"
    )
    name = quoteattr(node.name)
    if node.kind == "text":
        return f"<StringReg Name={name}>{about}{_place(node)}</StringReg>\n"
    pointer = f"<pValue>{node.name}Reg</pValue>"
    if node.kind == "command":
        return (
            f"<Command Name={name}>{about}{pointer}<CommandValue>{node.command}</CommandValue></Command>\n"
            + (_number_register(node))
        )
    locked = "<pIsLocked>TLParamsLocked</pIsLocked>" if node.fixed_while_streaming else ""
    unit = f"<Unit>{node.unit}</Unit>" if node.unit else ""
    if node.kind == "choice":
        entries = "".join(
            f"<EnumEntry Name={quoteattr(entry)}><Value>{number}</Value></EnumEntry>"
            for entry, number in node.entries
        )
        return (
            f"<Enumeration Name={name}>{about}{locked}{entries}{pointer}</Enumeration>\n"
            + _number_register(node)
        )
    if node.kind == "float":
        register = f"<FloatReg Name={quoteattr(node.name + 'Reg')}>{_place(node)}{_BIG_ENDIAN}</FloatReg>\n"
        return f"<Float Name={name}>{about}{pointer}{unit}</Float>\n{register}"
    limits = ""
    if node.limits is not None:
        limits = "<Min>{}</Min><Max>{}</Max><Inc>{}</Inc>".format(*node.limits)
    return f"<Integer Name={name}>{about}{locked}{pointer}{limits}{unit}</Integer>\n" + _number_register(node)


_BIG_ENDIAN = "<Endianess>BigEndian</Endianess>"  # the schema spells it so


def _number_register(node: Node) -> str:
    name = quoteattr(node.name + "Reg")
    if node.low_bits is None:
        return f"<IntReg Name={name}>{_place(node)}<Sign>Unsigned</Sign>{_BIG_ENDIAN}</IntReg>\n"
    least = 8 * node.n_bytes - 1  # GigE Vision counts bits from the most significant one
    bits = f"<LSB>{least}</LSB><MSB>{least + 1 - node.low_bits}</MSB>"
    return (
        f"<MaskedIntReg Name={name}>{_place(node)}{bits}<Sign>Unsigned</Sign>{_BIG_ENDIAN}</MaskedIntReg>\n"
    )


def _place(node: Node) -> str:
    remembered = "<Cachable>NoCache</Cachable>" if node.volatile else ""
    return (
        f"<Address>0x{node.address:X}</Address><Length>{node.n_bytes}</Length>"
        f"<AccessMode>{node.access}</AccessMode><pPort>Device</pPort>{remembered}"
    )
