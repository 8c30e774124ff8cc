"""Ready-made spaces; not built yet."""
