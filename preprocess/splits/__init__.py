"""Which subjects a network learns from and which it is tested on."""
