"""Reports: what runs showed, how it differs from before, and whether a deploy may go on."""
