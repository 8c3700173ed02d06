"""The service's half of the core: it turns decisions and time-outs into events, as Amazon SWF does."""
