"""Images that containers are made of: which there are, who may use them, and those that are built here."""
