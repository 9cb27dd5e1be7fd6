"""Imports: the mapping language, the files it meets, and published data that came from no one of us."""
