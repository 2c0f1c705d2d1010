"""An open GenTL producer for Linux, in C over aravis, and how it is compiled on the machine that uses it."""
