"""First contact: what only hardware can show, looked at step by step by a person at the machine."""
