"""What the Modal backend is made of; only imported where `modal` is used."""
