"""The terminal application and command line around the V-MPO engine."""

__version__ = "0.1.0"
