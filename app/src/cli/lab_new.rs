//! `faultline lab new`: a folder to begin with, which `lab check` accepts as it is.

use std::{fs, io, path::Path};

use super::{Failure, failure::print};

const TOML: &str = include_str!("lab_new/lab.toml");
const TEXT: &str = include_str!("lab_new/en.md");

/// Begins a lab in the folder of labs.
pub(super) fn begin(labs: &Path, id: &str) -> Result<(), Failure> {
    let plain = id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !plain || id.is_empty() || id.len() > 60 {
        return Err(Failure::Usage(format!(
            "`{id}` is no id; it is made of small letters, digits and hyphens, 60 at most"
        )));
    }
    let folder = labs.join(id);
    let write = || -> io::Result<()> {
        fs::create_dir_all(labs)?;
        fs::create_dir(&folder)?;
        fs::create_dir(folder.join("text"))?;
        fs::write(folder.join("lab.toml"), TOML.replace("ID", id))?;
        fs::write(folder.join("text/en.md"), TEXT)
    };
    write().map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::AlreadyExists => "is there already".to_owned(),
            _ => format!("cannot be made: {error}"), // The system says it best.
        };
        Failure::Input(format!("{}: {why}; choose another id, or another folder with --labs", folder.display()))
    })?;
    print(&format!("{}\nCheck it with: faultline lab check {}", folder.display(), folder.display()))
}
