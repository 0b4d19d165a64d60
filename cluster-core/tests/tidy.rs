//! The rules of the house that a compiler does not know: who may lean on whom, how long a file may be, what no text says.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Which rooms of `cluster-core` each room may use. Widening it is a commit of its own, with the reason.
const MAY_USE: &[(&str, &[&str])] = &[
    ("ids", &[]),
    ("name", &[]),
    ("time", &[]),
    ("request", &["ids", "name"]),
    ("origin", &["ids", "time"]),
    // The Redis protocol, without sockets.
    ("resp", &["ids", "name", "request", "event"]),
    ("fault", &["ids", "name", "time"]),
    ("spec", &["ids", "time", "fault"]),
    ("command", &["ids", "time", "fault", "request", "spec"]),
    ("event", &["ids", "name", "time", "fault", "request", "spec", "command"]),
    ("disk", &["name"]),
    ("protocol", &["ids", "name", "time", "request", "event", "disk"]),
    ("host", &["ids", "name", "time", "request", "event", "disk", "protocol"]),
    ("registry", &["name", "time", "spec", "event", "disk", "protocol", "host"]),
    ("trace", &["ids", "name", "time", "request", "origin", "fault", "spec", "command", "event"]),
    ("workload", &["ids", "name", "time", "request", "spec", "event"]),
    // The cluster as both backends run it: so that they cannot differ in what a fault or a client means.
    (
        "world",
        &[
            "ids", "name", "time", "request", "fault", "spec", "command", "event", "disk", "protocol", "host",
            "registry", "trace", "workload",
        ],
    ),
    ("sim", &["ids", "name", "time", "origin", "fault", "spec", "command", "event", "disk", "trace", "world"]),
    // `resp`: its front doors let clients of the Redis protocol in.
    ("live", &["ids", "name", "time", "fault", "spec", "command", "event", "disk", "trace", "world", "resp"]),
    ("until", &["ids", "fault", "event", "trace"]),
    ("script", &["ids", "name", "time", "request", "fault", "spec", "command", "event", "trace"]),
    // What clients saw, and whether it keeps a promise; the same for recordings and for what others recorded.
    // `spec`: it writes histories of recordings, and makes recordings of histories.
    ("check", &["ids", "name", "time", "request", "event", "fault", "spec", "command", "trace", "workload"]),
    // Labs are data over events: `registry` and `script` so that a system, a knob or a verb that is not there is refused when
    // a lab is read; `until` shares its expressions; `origin`: evidence says what ran its clusters.
    (
        "lab",
        &[
            "ids", "time", "request", "origin", "fault", "spec", "command", "event", "trace", "registry", "script",
            "until",
        ],
    ),
    // Random faults are commands that follow from the trace: it sees what a script sees.
    ("nemesis", &["ids", "time", "fault", "command", "event", "trace"]),
    (
        "session",
        // `check`: a session attaches the observers, so that whoever runs one is told what its trace shows.
        &[
            "ids", "time", "origin", "spec", "command", "event", "trace", "check", "world", "live", "sim", "registry",
            "fault", "request", "until",
        ],
    ),
    // Many simulated runs without a session, watched by every check there is.
    (
        "hunt",
        &[
            "ids", "name", "time", "origin", "fault", "spec", "command", "event", "trace", "check", "nemesis",
            "registry", "protocol", "sim",
        ],
    ),
    // Holds the two backends together: it runs the same script on both, and so needs both ways to run one, and every check.
    (
        "parity",
        &[
            "ids", "name", "time", "request", "origin", "fault", "spec", "command", "event", "trace", "check",
            "protocol", "registry", "sim", "session", "hunt",
        ],
    ),
    // For tests only: it names every reader of foreign bytes, wherever that is.
    (
        "fuzzing",
        &[
            "check", "disk", "event", "ids", "live", "protocol", "registry", "request", "resp", "script", "session",
            "sim", "spec", "time", "trace", "workload",
        ],
    ),
    // `sim`: a run in virtual time needs no thread, and so no session; `check`: its trace is observed all the same; `lab`: it
    // makes the attempts that show a lab to be right.
    (
        "headless",
        &[
            "ids", "time", "request", "fault", "origin", "spec", "command", "event", "trace", "check", "script",
            "nemesis", "session", "sim", "lab",
        ],
    ),
];

/// Rooms in which a word would break a promise.
const NEVER: &[(&str, &[&str])] = &[
    (
        "protocol",
        &["std::time::Instant", "SystemTime", "tokio", "std::net", "std::fs", "thread::", "HashMap", "HashSet"],
    ),
    ("world", &["std::time::Instant", "SystemTime", "tokio", "std::net", "std::fs", "thread::", "HashMap", "HashSet"]),
    ("sim", &["std::time::Instant", "SystemTime", "tokio", "std::net", "std::fs", "thread::", "HashMap", "HashSet"]),
    ("check", &["std::time::Instant", "SystemTime", "tokio", "std::net", "std::fs", "thread::", "HashMap", "HashSet"]),
    ("trace", &["tokio", "std::net", "thread::", "HashMap", "HashSet"]),
    ("resp", &["std::time::Instant", "SystemTime", "tokio", "std::net", "std::fs", "thread::", "HashMap", "HashSet"]),
    ("workload", &["std::time::Instant", "SystemTime", "tokio", "std::net", "std::fs", "HashMap", "HashSet"]),
];

const LINES_MAX: usize = 600;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the workspace is readable") {
            let path = entry.expect("a folder of the workspace is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn all_rust_files() -> Vec<PathBuf> {
    ["app", "cluster-core"].iter().flat_map(|member| rust_files(&workspace().join(member))).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a source file is readable text")
}

/// Returns whether a file is only there for tests: they may use whatever they need.
fn is_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let folder = path.components().any(|part| part.as_os_str() == "tests");
    folder || name == "synthetic" || name.ends_with("testing") || name.ends_with("tests")
}

/// Returns the part of a file that is no test, without comments.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn room_of(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(workspace().join("cluster-core/src")).ok()?;
    let first = inside.components().next()?.as_os_str().to_string_lossy().into_owned();
    Some(first.trim_end_matches(".rs").to_owned())
}

/// Returns the rooms that code names: in `crate::room` and in the braces of `use crate::{room, room::…}`.
fn rooms_named(code: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms = Vec::new();
    for after in code.split("crate::").skip(1) {
        let Some(list) = after.strip_prefix('{') else {
            rooms.push(word(after));
            continue;
        };
        let mut depth = 1;
        let mut item = String::new();
        for c in list.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 || (c == ',' && depth == 1) {
                rooms.push(word(item.trim()));
                item.clear();
            } else {
                item.push(c);
            }
            if depth == 0 {
                break;
            }
        }
    }
    rooms.retain(|room| !room.is_empty() && room.chars().next().is_some_and(char::is_lowercase));
    rooms
}

#[test]
fn no_room_leans_on_one_it_should_not() {
    let may_use: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    for path in rust_files(&workspace().join("cluster-core/src")).into_iter().filter(|path| !is_test(path)) {
        let Some(room) = room_of(&path).filter(|room| room != "lib") else { continue };
        let Some(allowed) = may_use.get(room.as_str()) else {
            wrong.push(format!("{}: room `{room}` has no row in MAY_USE", path.display()));
            continue;
        };
        for used in rooms_named(&code_of(&read(&path))) {
            if used != room && may_use.contains_key(used.as_str()) && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{}: `{room}` must not use `{used}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_rule_about_rooms_has_teeth() {
    let code = "use crate::{\n    disk::{DiskOp, SyncId},\n    live::Wire,\n};\nfn f() { crate::sim::g() }";
    assert_eq!(rooms_named(code), ["disk", "live", "sim"]);
}

#[test]
fn no_room_breaks_its_promise() {
    let mut wrong = Vec::new();
    for (room, words) in NEVER {
        for path in rust_files(&workspace().join("cluster-core/src"))
            .iter()
            .filter(|path| room_of(path).as_deref() == Some(room))
        {
            let code = code_of(&read(path));
            let found = words.iter().filter(|word| code.contains(**word));
            wrong.extend(found.map(|word| format!("{}: `{room}` must not say `{word}`", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_live_code_touches_tokio() {
    for path in rust_files(&workspace().join("cluster-core/src")) {
        let room = room_of(&path).unwrap_or_default();
        if room != "live" && room != "session" {
            assert!(
                !code_of(&read(&path)).contains("tokio::"),
                "{}: only `live` and `session` may use tokio",
                path.display()
            );
        }
    }
}

#[test]
fn only_the_theme_names_a_color() {
    for path in rust_files(&workspace().join("app/src")) {
        let theme = path.file_name().is_some_and(|name| name == "theme.rs");
        let code = code_of(&read(&path));
        let named = ["Color32::from_rgb(", "Color32::RED", "Color32::GREEN", "Color32::BLUE", "from_gray("]
            .into_iter()
            .find(|word| code.contains(word));
        if let Some(word) = named.filter(|_| !theme) {
            panic!("{}: `{word}`: only theme.rs names a color", path.display());
        }
    }
}

#[test]
fn views_neither_send_nor_lean_on_each_other() {
    for path in rust_files(&workspace().join("app/src/views")) {
        let code = code_of(&read(&path));
        for word in ["Session", "crossbeam_channel", "std::fs", "std::net", "std::thread"] {
            assert!(!code.contains(word), "{}: a view must not use `{word}`", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_stays_readable() {
    let mut wrong = Vec::new();
    for path in all_rust_files() {
        let text = read(&path);
        if !text.starts_with("//! ") {
            wrong.push(format!("{}: does not start with a `//!` sentence", path.display()));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            wrong.push(format!("{}: {lines} lines; look for the second subject in it", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_text_puts_things_off() {
    // Put together so that this file does not name them itself.
    let words = [concat!("TO", "DO:"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("#[should", "_panic")];
    for path in all_rust_files() {
        let text = read(&path);
        for word in words {
            assert!(!text.contains(word), "{}: contains `{word}`", path.display());
        }
    }
}
