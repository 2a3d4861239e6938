"""What watches a session as it happens: doorbells, and the one reader behind WebSocket and server-sent events."""
