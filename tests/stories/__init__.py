"""The official clients under faults: the same story with our server and proxy as with the real."""
