"""A worked example of every KPI, by theme."""
