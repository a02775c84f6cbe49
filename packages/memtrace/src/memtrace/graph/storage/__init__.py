"""One SQLite file: its layout, values in packs and chunks, whole batches in."""
