"""From board pictures to the rig's geometry, and pixels carried from one camera into another."""
