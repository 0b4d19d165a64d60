//! Packs of labs as a teacher makes and opens them with the program: signed or not, and what must not get in.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// Runs `faultline lab` without a display. Returns the exit code and all that was said.
fn lab(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_faultline"))
        .arg("lab")
        .args(args)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("the program starts");
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(!said.contains("panicked"), "{args:?} said: {said}");
    (output.status.code(), said)
}

fn refused(args: &[&str], code: i32, says: &[&str]) -> String {
    let (found, said) = lab(args);
    assert_eq!(found, Some(code), "{args:?} said: {said}");
    for part in says {
        assert!(said.contains(part), "{args:?}, `{part}`: {said}");
    }
    said
}

/// A course of two labs, each as `lab new` begins it.
struct Course {
    folder: TempDir,
}

impl Course {
    fn new() -> Self {
        let course = Self { folder: tempfile::tempdir().expect("a folder") };
        let labs = course.path("course");
        for id in ["first", "second"] {
            let (code, said) = lab(&["--labs", &labs, "new", id]);
            assert_eq!(code, Some(0), "{said}");
        }
        let pack = "format = 1\nid = \"course\"\nversion = \"1.0.0\"\nlicence = \"MIT\"\nlocales = [\"en\"]\nlabs = [\"first\", \"second\"]\n";
        fs::write(Path::new(&labs).join("pack.toml"), pack).expect("writable");
        course
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Packs the folder into a file.
    fn packed(&self, name: &str, more: &[&str]) -> (PathBuf, String) {
        let out = self.path(name);
        let (code, said) = lab(&[&["pack", &self.path("course"), "-o", &out], more].concat());
        assert_eq!(code, Some(0), "{said}");
        (PathBuf::from(out), said)
    }

    /// Makes a key. Returns its file, and what others know it by.
    fn key(&self, name: &str) -> (String, String) {
        let file = self.path(name);
        let (code, said) = lab(&["key", &file]);
        assert_eq!(code, Some(0), "{said}");
        let public = said.lines().find_map(|line| line.strip_prefix("public key ")).expect("it tells the key");
        (file, public.to_owned())
    }

    /// Makes a file of the pack with other bytes in the place of some, everywhere.
    fn patched(&self, from: &Path, part: &[u8], by: &[u8]) -> String {
        assert_eq!(part.len(), by.len());
        let mut bytes = fs::read(from).expect("a pack");
        let mut found = 0;
        while let Some(at) = bytes.windows(part.len()).position(|window| window == part) {
            bytes[at..at + by.len()].copy_from_slice(by);
            found += 1;
        }
        assert!(found > 0, "the part is in the pack");
        let to = self.path("patched.labpack");
        fs::write(&to, bytes).expect("writable");
        to
    }
}

/// What the guide for authors says, from the first command to the signed file on another machine.
#[test]
fn a_lab_that_was_begun_is_checked_packed_signed_and_run_from_the_file() {
    let course = Course::new();
    let (code, said) = lab(&["--labs", &course.path("course"), "check", "first", "--runs", "2", "--quiet"]);
    assert!(code == Some(0) && said.contains("ok   first") && !said.contains("warning"), "{said}");
    let (key, public) = course.key("me.key");
    let (file, said) = course.packed("course.labpack", &["--sign", &key]);
    assert!(said.contains("course 1.0.0, 2 labs, 6 files") && said.contains(&format!("signed by {public}")), "{said}");
    let file = file.display().to_string();
    let (code, said) = lab(&["list", "--pack", &file, "--signed-by", &public]);
    assert!(code == Some(0) && said.contains("first") && said.contains("second"), "{said}");
    let (code, said) = lab(&["run", "second", "--pack", &file, "--profile", "fast"]);
    assert!(
        code == Some(0) && said.contains("met       another-leads") && said.contains("100 of 100 points"),
        "{said}"
    );
    let (code, said) = lab(&["check", &file, "--runs", "1", "--quiet"]);
    assert!(code == Some(0) && said.contains("ok   second"), "{said}");
    // Evidence of a lab in a pack is graded by that pack.
    let evidence = course.path("second.evidence");
    let (code, said) = lab(&["run", "second", "--pack", &file, "--profile", "fast", "--evidence", &evidence]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = lab(&["grade", &evidence, "--pack", &file]);
    assert!(code == Some(0) && said.contains("yellow  100 of 100 points"), "{said}");
    let (code, said) = lab(&["grade", &evidence, "--labs", &labs_that_come_along()]);
    assert!(code == Some(3) && said.contains("`second` 0.1.0 is not at hand") && said.contains("--pack"), "{said}");
}

fn labs_that_come_along() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs").display().to_string()
}

#[test]
fn only_who_signed_it_is_taken_for_its_maker() {
    let course = Course::new();
    let ((key, public), (_, other)) = (course.key("me.key"), course.key("other.key"));
    let (signed, _) = course.packed("signed.labpack", &["--sign", &key]);
    let (plain, said) = course.packed("plain.labpack", &[]);
    assert!(said.contains("not signed"), "{said}");
    let (signed, plain) = (signed.display().to_string(), plain.display().to_string());
    let says = ["signed by", "should be signed by", "leave --signed-by out"];
    refused(&["list", "--pack", &signed, "--signed-by", &other], 3, &says);
    refused(&["list", "--pack", &plain, "--signed-by", &public], 3, &["it is not signed", "should be signed by"]);
    refused(&["list", "--pack", &plain, "--signed-by", "12ab"], 2, &["`12ab` is no public key", "`lab key`"]);
    refused(&["pack", &course.path("course"), "-o", &plain, "--sign", &signed], 3, &["lab key"]);
    // A key in use is not written over, and nobody else can read it.
    refused(&["key", &key], 3, &["is there already, and may be a key in use", "choose another file"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&key).expect("a key").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // Somebody takes the name of another lab into the signed file.
    let patched = course.patched(Path::new(&signed), b"second/text/en.md", b"second/text/ru.md");
    refused(&["list", "--pack", &patched], 3, &["pack.sig", "a file was changed after the pack was signed", "anew"]);
}

#[test]
fn what_climbs_out_lies_or_is_too_large_does_not_get_in() {
    let course = Course::new();
    let (file, _) = course.packed("course.labpack", &[]);
    let name = &b"second/text/en.md"[..];
    for (by, says) in [
        (&b"../../../../ev.md"[..], "leads out of the pack"),
        (b"/tmp/evil/text.md", "leads out of the pack"),
        (b"second/../../e.md", "leads out of the pack"),
        (b"second/text/en.sh", "does not belong into a pack"),
    ] {
        let patched = course.patched(&file, name, by);
        refused(&["list", "--pack", &patched], 3, &[says, &String::from_utf8_lossy(by)]);
    }
    // Each central entry says how long its file is: one of them says a gigabyte, or less than there is.
    let bytes = fs::read(&file).expect("a pack");
    let central = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").expect("a directory of the archive");
    for (length, says) in
        [(1_u32 << 30, "is larger than"), (1, "larger than its declared uncompressed size; pack it anew")]
    {
        let mut bytes = bytes.clone();
        bytes[central + 24..central + 28].copy_from_slice(&length.to_le_bytes());
        let bomb = course.path("bomb.labpack");
        fs::write(&bomb, bytes).expect("writable");
        refused(&["check", &bomb], 3, &["bomb.labpack: second/text/en.md", says]);
    }
    let huge = course.path("huge.labpack");
    fs::File::create(&huge).and_then(|file| file.set_len(1 << 30)).expect("a sparse file");
    refused(&["list", "--pack", &huge], 3, &["huge.labpack", "is larger than 128 MiB", "smaller"]);
    fs::write(&huge, "PK\u{3}\u{4}, or so").expect("writable");
    refused(&["list", "--pack", &huge], 3, &["is no pack", "faultline lab pack"]);
    // A gigabyte of pictures is refused where the pack is made, too.
    let media = Path::new(&course.path("course")).join("first/media");
    fs::create_dir(&media).expect("writable");
    fs::File::create(media.join("large.png")).and_then(|file| file.set_len(1 << 30)).expect("a sparse file");
    let out = course.path("out.labpack");
    refused(&["pack", &course.path("course"), "-o", &out], 3, &["large.png", "at most 2 MiB each", "smaller"]);
    assert!(!Path::new(&out).exists());
}

#[test]
fn what_is_no_pack_is_told_with_how_to_make_one() {
    let course = Course::new();
    let out = course.path("out.labpack");
    refused(
        &["pack", &course.path("course/first"), "-o", &out],
        3,
        &["pack.toml", "a pack is a folder with pack.toml"],
    );
    refused(&["pack", &course.path("nowhere"), "-o", &out], 3, &["pack.toml", "is not there"]);
    refused(&["list", "--pack", &course.path("no.labpack")], 3, &["no.labpack", "a pack is a folder"]);
    refused(&["pack", &course.path("course"), "-o", "/nowhere/x.labpack"], 3, &["/nowhere/x.labpack", "another file"]);
    refused(&["--labs", &course.path("course"), "new", "first"], 3, &["is there already", "choose another id"]);
    refused(&["new", "First Lab"], 2, &["`First Lab` is no id", "small letters"]);
    // A lab that speaks of one that comes later, or of none, or of itself.
    let toml = Path::new(&course.path("course")).join("first/lab.toml");
    let text = fs::read_to_string(&toml).expect("a lab");
    for (after, says) in
        [("second", "comes later in the pack"), ("third", "is no lab of this pack"), ("first", "after itself")]
    {
        fs::write(&toml, text.replace("locales =", &format!("after = [\"{after}\"]\nlocales ="))).expect("writable");
        refused(&["pack", &course.path("course"), "-o", &out], 3, &["first/lab.toml, line 9", "after: ", says]);
    }
}
