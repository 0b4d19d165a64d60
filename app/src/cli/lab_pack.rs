//! `faultline lab pack` and `lab key`: labs that belong together, in one file, signed or not.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use cluster_core::lab::{
    Lab, LabError,
    pack::{Pack, SigningKey, public_key, write},
};
use tempfile::TempDir;

use super::{Failure, failure::print};

/// The flags of `lab pack`.
#[derive(Args, Debug)]
pub struct PackArgs {
    /// The folder, with `pack.toml` and the labs that it names.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The file to be written.
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// Sign it with this key, see `lab key`.
    #[arg(long, value_name = "KEY")]
    pub sign: Option<PathBuf>,
}

/// Packs a folder. All of its labs must be readable.
pub(super) fn pack(args: &PackArgs) -> Result<(), Failure> {
    let key = args.sign.as_deref().map(key_of).transpose()?;
    let pack = Pack::open(&args.folder, &args.folder).map_err(told)?;
    let mistakes: Vec<LabError> = pack.folders().iter().filter_map(|lab| Lab::open(lab).err()).flatten().collect();
    if !mistakes.is_empty() {
        return Err(told(mistakes));
    }
    let packed = write(&pack, &args.out, key.as_ref()).map_err(Failure::input)?;
    print(&format!(
        "{}: {} {}, {} labs, {} files, {}\nsha256 {}",
        args.out.display(),
        pack.id,
        pack.version,
        pack.labs.len(),
        packed.files,
        signer(packed.signed_by.as_deref()),
        packed.sha256
    ))
}

/// Makes a key, which its owner keeps, and tells what others know it by.
pub(super) fn make_key(path: &Path) -> Result<(), Failure> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(Failure::run)?;
    let text: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written =
        options.open(path).and_then(|mut file| std::io::Write::write_all(&mut file, format!("{text}\n").as_bytes()));
    written.map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "is there already, and may be a key in use".to_owned(),
            _ => format!("cannot be written: {error}"), // The system says it best.
        };
        Failure::Input(format!("{}: {why}; choose another file", path.display()))
    })?;
    print(&format!("{}: keep it to yourself\npublic key {}", path.display(), SigningKey::of(&secret).public()))
}

/// Opens the pack that is to be used; what a file unpacks to is removed with the folder that is returned.
pub(super) fn opened(path: &Path, signed_by: Option<&str>) -> Result<(TempDir, Pack), Failure> {
    let wanted = signed_by.map(|key| {
        public_key(key)
            .ok_or_else(|| Failure::Usage(format!("`{key}` is no public key; `lab key` tells one, 64 digits")))
    });
    let wanted = wanted.transpose()?;
    let scratch = tempfile::tempdir().map_err(Failure::run)?;
    let pack = Pack::open(path, scratch.path()).map_err(told)?;
    if let Some(wanted) = wanted.filter(|wanted| pack.signed_by.as_ref() != Some(wanted)) {
        return Err(Failure::Input(format!(
            "{}: it is {}, and should be signed by {wanted}; ask its maker for the signed file, or leave --signed-by out",
            path.display(),
            signer(pack.signed_by.as_deref())
        )));
    }
    Ok((scratch, pack))
}

/// Says who signed a pack.
pub(super) fn signer(key: Option<&str>) -> String {
    key.map_or("not signed".to_owned(), |key| format!("signed by {key}"))
}

fn key_of(path: &Path) -> Result<SigningKey, Failure> {
    let remedy = "make one with `faultline lab key FILE`";
    let text =
        fs::read_to_string(path).map_err(|error| Failure::Input(format!("{}: {error}; {remedy}", path.display())))?;
    SigningKey::read(&text).ok_or_else(|| Failure::Input(format!("{}: this is no key; {remedy}", path.display())))
}

fn told(errors: Vec<LabError>) -> Failure {
    Failure::Input(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}
