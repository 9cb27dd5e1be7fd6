"""The client for programs: events told over HTTP, kept on disk until the journal has them."""
