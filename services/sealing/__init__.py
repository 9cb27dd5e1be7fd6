"""Personal data: sealed under keys of their own, opened for those who may, destroyed for good."""
