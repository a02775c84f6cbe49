"""The verbs of lmcommon: commands that need neither memtrace nor rtt."""
