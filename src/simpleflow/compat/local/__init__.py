"""``simpleflow.local`` of the existing library is a package; here it is a module."""
