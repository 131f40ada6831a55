"""Command line, configuration and the composition root: the only place that names engines."""

__version__ = "0.1.0"
