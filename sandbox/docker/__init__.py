"""How the Docker engine is spoken to: a container's profile and life, the ways to the guest inside, errors."""
