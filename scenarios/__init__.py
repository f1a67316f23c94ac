"""One failure story a file, each stormed in every world."""
