"""Metrics: the series, the page of them, and the document on them."""
