"""The pure parts of the census: finding, measuring, adding up and showing."""
