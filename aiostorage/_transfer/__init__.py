"""The transfer engine: all work by parts, pages and ranges, over any backend."""
