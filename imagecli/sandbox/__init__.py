"""The embedded Images API server: the real routes, rules, bodies and headers on loopback, with pictures painted here.

Free, offline and deterministic. It answers by the rows of the catalogue and shares no code with the client side, so
that talking to it goes over a real socket and a real wire.
"""
