"""``simpleflow.swf`` of the existing library, as far as workflows import it."""
