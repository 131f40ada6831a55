"""Names of the files that hold the master key of a ring, in its folder.

They stand alone, since settings name them: those are read before anything heavy is imported.
"""

MASTER_FILE = "master.key"  # as it is: access.master_sources
WRAPPED_FILE = "master.wrapped"  # under a transit endpoint: access.transit_master
