"""Lab Streaming Layer beside the cameras."""
