"""Packaging: the merged template and the zip."""
