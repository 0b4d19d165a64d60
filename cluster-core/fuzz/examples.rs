//! Writes examples of what each decoder understands, for the fuzzer to begin with: `examples FOLDER`.

use std::{fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "corpus".to_owned()));
    for row in cluster_core::fuzzing::DECODERS {
        let folder = folder.join(row.name);
        fs::create_dir_all(&folder)?;
        for (nth, example) in (row.examples)().iter().enumerate() {
            fs::write(folder.join(format!("example-{nth}")), example)?;
        }
    }
    Ok(())
}
