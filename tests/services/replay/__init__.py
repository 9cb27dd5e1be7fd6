"""Reading history again: digest, rebuild, verify."""
