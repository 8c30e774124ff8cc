"""One-shot search; not built yet."""
