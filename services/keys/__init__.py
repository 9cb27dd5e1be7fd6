"""API keys: who may ask and tell what, over HTTP."""
