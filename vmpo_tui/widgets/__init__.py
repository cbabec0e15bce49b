"""Widgets: charts, gauges, tiles."""
