//! A pack comes out of its file as it went in; whatever else a file holds is refused, with what to do.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::lab::Lab;

const PACK: &str = "format = 1\nid = \"course\"\nversion = \"1.0.0\"\nlicence = \"MIT\"\nlocales = [\"en\"]\nlabs = [\"b-lab\", \"a-lab\"]\n";

/// Makes a pack of two labs in a folder.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("pack.toml"), PACK).expect("writable");
    let toml = include_str!("../../../../app/src/cli/lab_new/lab.toml");
    for id in ["a-lab", "b-lab"] {
        let lab = folder.path().join(id);
        fs::create_dir_all(lab.join("text")).expect("writable");
        fs::write(lab.join("lab.toml"), toml.replace("ID", id)).expect("writable");
        fs::write(lab.join("text/en.md"), include_str!("../../../../app/src/cli/lab_new/en.md")).expect("writable");
    }
    folder
}

fn packed(key: Option<&SigningKey>) -> (tempfile::TempDir, PathBuf) {
    let folder = folder();
    let pack = Pack::open(folder.path(), folder.path()).expect("a pack");
    let out = folder.path().join("course.labpack");
    write(&pack, &out, key).expect("writable");
    (folder, out)
}

fn opened(path: &Path) -> Result<(tempfile::TempDir, Pack), Vec<LabError>> {
    let scratch = tempfile::tempdir().expect("a folder");
    Pack::open(path, scratch.path()).map(|pack| (scratch, pack))
}

fn told(path: &Path) -> String {
    opened(path).map(|_| ()).expect_err("refused").iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Makes an archive of a pack with one more file.
fn with(name: &str, mode: u32, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bad.labpack");
    let mut writer = ZipWriter::new(fs::File::create(&path).expect("writable"));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    writer.start_file("pack.toml", options).expect("writable");
    writer.write_all(PACK.as_bytes()).expect("writable");
    writer.start_file(name, options.unix_permissions(mode)).expect("writable");
    writer.write_all(bytes).expect("writable");
    writer.finish().expect("writable");
    (folder, path)
}

#[test]
fn a_pack_comes_out_of_its_file_as_it_went_in_and_is_the_same_every_time() {
    let (folder, path) = packed(None);
    let (_scratch, pack) = opened(&path).expect("a pack");
    assert_eq!((pack.labs.clone(), pack.signed_by.clone()), (vec!["b-lab".to_owned(), "a-lab".to_owned()], None));
    let lab = Lab::open(&pack.folders()[0]).expect("a lab");
    assert_eq!((lab.id.as_str(), lab.pack.as_deref()), ("b-lab", Some("course@1.0.0")));
    let again = folder.path().join("again.labpack");
    write(&pack, &again, None).expect("writable");
    assert_eq!(fs::read(&path).ok(), fs::read(&again).ok());
}

#[test]
fn who_signed_a_pack_is_known_and_a_change_is_found() {
    let key = SigningKey::of(&[7; 32]);
    let (_folder, path) = packed(Some(&key));
    assert_eq!(opened(&path).expect("a pack").1.signed_by, Some(key.public()));
    assert_eq!(public_key(&key.public()), Some(key.public()));
    // Somebody packs a changed file with the signature of the pack before.
    let (scratch, pack) = opened(&path).expect("a pack");
    let mut archive = zip::ZipArchive::new(fs::File::open(&path).expect("a file")).expect("an archive");
    let mut signature = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_name("pack.sig").expect("signed"), &mut signature).expect("readable");
    let changed = scratch.path().join("changed.labpack");
    let mut writer = ZipWriter::new(fs::File::create(&changed).expect("writable"));
    for (name, path) in files_of(&pack).expect("a pack") {
        let text = fs::read_to_string(path).expect("text").replace("1.0.0", "1.0.1");
        writer.start_file(name, SimpleFileOptions::default()).expect("writable");
        writer.write_all(text.as_bytes()).expect("writable");
    }
    writer.start_file("pack.sig", SimpleFileOptions::default()).expect("writable");
    writer.write_all(&signature).expect("writable");
    writer.finish().expect("writable");
    assert!(told(&changed).contains("a file was changed after the pack was signed"));
}

#[test]
fn what_climbs_out_or_does_not_belong_is_refused_and_nothing_is_written() {
    for (name, why) in [
        ("../evil.md", "leads out of the pack"),
        ("a-lab/../../evil.md", "leads out of the pack"),
        ("/etc/evil", "leads out of the pack"),
        ("a-lab\\text\\en.md", "leads out of the pack"),
        ("C:/evil.md", "leads out of the pack"),
        ("a-lab/run.sh", "does not belong into a pack"),
        ("a-lab/text/en.html", "does not belong into a pack"),
        ("a-lab/media/deep/x.png", "does not belong into a pack"),
    ] {
        let (folder, path) = with(name, 0o644, b"x");
        assert!(told(&path).contains(why), "{name}: {}", told(&path));
        assert!(told(&path).contains(name), "{}", told(&path));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}

#[test]
fn links_programs_and_false_pictures_are_refused() {
    assert!(told(&with("README.md", 0o755, b"x").1).contains("marked as a program"));
    assert!(told(&with("a-lab/media/x.png", 0o644, b"\x7fELF").1).contains("is no PNG picture"));
    assert!(told(&with("README.md", 0o644, b"\xff\xfe").1).contains("is not UTF-8"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bad.labpack");
    let mut writer = ZipWriter::new(fs::File::create(&path).expect("writable"));
    writer.add_symlink("README.md", "/etc/passwd", SimpleFileOptions::default()).expect("writable");
    writer.finish().expect("writable");
    assert!(told(&path).contains("is no plain file"), "{}", told(&path));
}

#[test]
fn what_grows_beyond_its_bounds_is_refused_before_it_is_there() {
    let bomb = with("a-lab/media/x.png", 0o644, &vec![0; 20 << 20]);
    assert!(told(&bomb.1).contains("is larger than 2048 KiB"));
    // One that lies about its length: the archive says one byte, and there are many.
    let (_folder, path) = with("README.md", 0o644, &vec![b'a'; 4 << 20]);
    let mut bytes = fs::read(&path).expect("a file");
    let length = (4_u32 << 20).to_le_bytes();
    while let Some(at) = bytes.windows(4).position(|window| window == length) {
        bytes[at..at + 4].copy_from_slice(&1_u32.to_le_bytes());
    }
    fs::write(&path, bytes).expect("writable");
    assert!(told(&path).contains("README.md"), "{}", told(&path));
    // A sparse file of a gigabyte is not even opened.
    let huge = path.with_file_name("huge.labpack");
    fs::File::create(&huge).and_then(|file| file.set_len(1 << 30)).expect("writable");
    assert!(told(&huge).contains("is larger than 128 MiB"));
}

#[test]
fn what_is_no_archive_or_has_too_many_files_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bad.labpack");
    fs::write(&path, b"PK\x03\x04 nothing").expect("writable");
    assert!(told(&path).contains("is no pack"));
    let mut writer = ZipWriter::new(fs::File::create(&path).expect("writable"));
    for file in 0..2001 {
        writer.start_file(format!("a-lab/text/x{file}.md"), SimpleFileOptions::default()).expect("writable");
    }
    writer.finish().expect("writable");
    assert!(told(&path).contains("more than 2000 files"));
}

#[test]
fn a_wrong_description_is_told_with_its_place() {
    let folder = folder();
    let told = |text: &str| {
        fs::write(folder.path().join("pack.toml"), text).expect("writable");
        let errors = Pack::open(folder.path(), folder.path()).expect_err("refused");
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert!(told(&PACK.replace("a-lab", "c-lab")).contains("line 6"), "{}", told(&PACK.replace("a-lab", "c-lab")));
    assert!(told(&PACK.replace("a-lab", "../x")).contains("no id of a lab"));
    assert!(told(&format!("app = \"99.0.0\"\n{PACK}")).contains("take a later one"));
    assert!(told(&format!("script = \"x\"\n{PACK}")).contains("`script` means nothing here"));
}

/// Nobody knows the folder that it was unpacked to, and nobody can mend anything there.
#[test]
fn a_mistake_in_a_pack_is_told_by_the_name_of_its_file() {
    let (_folder, path) = with("a-lab/lab.toml", 0o644, b"id = 1");
    let told = told(&path);
    assert!(told.contains(&path.join("pack.toml").display().to_string()), "{told}");
}

#[test]
fn the_course_that_comes_along_is_a_pack_of_all_its_labs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs");
    let pack = Pack::open(&folder, &folder).unwrap_or_else(|errors| panic!("{}", errors[0]));
    for lab in crate::lab::labs_in(&folder).expect("a folder") {
        let id = lab.file_name().unwrap_or_default().to_string_lossy().into_owned();
        assert!(pack.labs.contains(&id), "add `{id}` to labs/pack.toml, at its place in the course");
        Lab::open(&lab).unwrap_or_else(|errors| panic!("{}", errors[0]));
    }
    let out = tempfile::tempdir().expect("a folder");
    write(&pack, &out.path().join("course.labpack"), None).unwrap_or_else(|error| panic!("{error}"));
}
