"""Machines reached over SSH: keys, connections, and what is done on them."""
