"""The page: a small web server that shows runs, reads them and changes nothing."""
