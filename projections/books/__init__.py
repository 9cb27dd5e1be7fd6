"""One book per kind of entity: the posting rules of its history."""
