"""Python face of the C engine: packing of bundles, streams, whole signals.

The modules are imported by name (``wheesht.engine.stream``); nothing is loaded here, so that the
packing and the extension stay usable on their own.
"""
