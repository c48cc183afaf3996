"""The embedded Images API server: the real API's routes, rules, bodies and headers on loopback, with images that it
paints itself.

It is free, offline and deterministic. It decides by the rows of the catalog and shares no code with the client, which
reaches it over a real socket.
"""
