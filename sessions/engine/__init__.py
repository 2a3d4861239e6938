"""A session's agent at work: its lease, its turns, its process and its stream, from the outside in."""
