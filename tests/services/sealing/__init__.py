"""Tests of sealing: personal data kept under keys that can be destroyed."""
