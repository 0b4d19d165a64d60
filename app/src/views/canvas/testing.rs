//! A small cluster made by hand, for tests.
