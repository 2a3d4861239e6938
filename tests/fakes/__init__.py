"""Doubles of services outside: real processes that speak their protocols to the real clients."""
