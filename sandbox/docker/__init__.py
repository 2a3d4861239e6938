"""How the Docker engine is spoken to: the profile of a container, the engine's errors, a conversation by exec."""
