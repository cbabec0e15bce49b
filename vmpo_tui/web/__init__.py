"""The viewer of a run in a browser."""
