"""From recorded board sessions to a rig's geometry, how certain it is, and why it is refused."""
