//! Tests of the picture.
