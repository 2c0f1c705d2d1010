"""The whole road on the simulated rig, and the report of what came of it."""
