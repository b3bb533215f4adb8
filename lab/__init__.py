"""A reference trading stack of real parts, and real faults to break it with."""
