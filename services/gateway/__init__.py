"""The HTTP gateway: what other programs tell, and what they get back."""
