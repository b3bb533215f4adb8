"""The event streams' connection manager: holds streams, counts them here and in Redis, removes stale ones."""
