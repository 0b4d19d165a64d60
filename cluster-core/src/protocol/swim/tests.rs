//! Members that see who is alive.
