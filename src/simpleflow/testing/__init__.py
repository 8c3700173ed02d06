"""Tests that every engine has to pass, and histories made by hand for tests."""
