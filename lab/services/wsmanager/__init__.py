"""The WebSocket manager: keeps streams to the exchange open for its clients, and counts them."""
