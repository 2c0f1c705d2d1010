"""The Kinect v2 through its drivers: one module per driver, and what they share."""
