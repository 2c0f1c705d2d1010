"""The rig that needs no hardware: one head and one board seen by three cameras."""
