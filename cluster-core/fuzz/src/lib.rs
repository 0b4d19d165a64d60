//! What all targets do.

/// Reads bytes by the decoder of that name.
pub fn read(name: &str, bytes: &[u8]) {
    let row = cluster_core::fuzzing::decoder(name).expect("each target is named after a decoder");
    (row.read)(bytes);
}
