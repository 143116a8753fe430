"""A file each: what a base is. No torch here until one is loaded."""
