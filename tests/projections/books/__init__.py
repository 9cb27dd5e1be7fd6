"""The books, rule by rule."""
