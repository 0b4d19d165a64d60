//! The labs there are, in the order of the course.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use cluster_core::lab::{Lab, LabError, labs_in, pack::Pack};

/// One lab of the list.
pub struct Volume {
    /// Its folder.
    pub folder: PathBuf,
    /// What is known of it; one that cannot be read has mistakes.
    pub about: Result<About, Vec<LabError>>,
}

/// What a list tells of a lab.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How much it asks for, 1 to 3.
    pub level: u8,
    /// How long it takes, about.
    pub minutes: u32,
    /// The first sentence of its text.
    pub lead: String,
}

/// The labs in a folder.
pub struct Shelf {
    /// The folder.
    pub folder: PathBuf,
    /// The labs, as they were read last.
    pub volumes: Vec<Volume>,
    /// The pack that they are, as `id version`, and whether somebody signed it.
    pub pack: Option<String>,
    /// Why there are none, if so.
    pub trouble: Option<String>,
}

impl Shelf {
    /// Makes the shelf of a folder, not looked at yet.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, volumes: Vec::new(), pack: None, trouble: None }
    }

    /// Unpacks a pack that is one file into a fresh folder in `home`; its labs are the shelf from here on.
    pub(super) fn unpack(&mut self, home: &Path) {
        let scratch = home.join("packs").join(format!("{}-{}", super::lesson::unix_ms(), std::process::id()));
        let made = std::fs::create_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()));
        let told = |errors: Vec<LabError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        match made.and_then(|()| Pack::open(&self.folder, &scratch).map_err(told)) {
            Ok(pack) => (self.folder, self.pack) = (pack.folder.clone(), Some(pack_words(&pack))),
            Err(why) => self.trouble = Some(why),
        }
    }

    /// Looks at the folder again.
    pub(super) fn look(&mut self) {
        if self.folder.is_file() {
            // A pack that could not be unpacked said why.
            return;
        }
        let labs = labs_in(&self.folder);
        let pack = self.folder.join("pack.toml").is_file().then(|| Pack::open(&self.folder, &self.folder));
        let (pack, wrong) = match pack {
            Some(Ok(pack)) => (Some(pack), None),
            Some(Err(errors)) => (None, errors.first().map(ToString::to_string)),
            None => (None, None),
        };
        let signed = self.pack.take();
        self.pack = signed.or_else(|| pack.as_ref().map(pack_words));
        self.trouble = match &labs {
            Ok(found) if found.is_empty() => Some(format!("{}: there are no labs here", self.folder.display())),
            Ok(_) => wrong,
            Err(error) => Some(format!("{}: {error}; say where they are with --labs", self.folder.display())),
        };
        let mut volumes: Vec<(Vec<String>, Volume)> = labs.unwrap_or_default().into_iter().map(read).collect();
        in_order(&mut volumes);
        // A pack says the order of its labs itself; what it does not name comes behind.
        let named = |volume: &Volume| pack.as_ref()?.labs.iter().position(|id| id == volume.id());
        volumes.sort_by_key(|(_, volume)| named(volume).unwrap_or(usize::MAX));
        self.volumes = volumes.into_iter().map(|(_, volume)| volume).collect();
    }

    /// Returns the lab after one in the order of the course.
    pub fn after(&self, id: &str) -> Option<&Volume> {
        let at = self.volumes.iter().position(|volume| volume.id() == id)?;
        self.volumes[at + 1..].iter().find(|volume| volume.about.is_ok())
    }
}

impl Volume {
    /// Returns its id, which is the name of its folder, too.
    pub fn id(&self) -> &str {
        self.folder.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }
}

fn pack_words(pack: &Pack) -> String {
    let signed =
        pack.signed_by.as_ref().map_or_else(String::new, |by| format!(", signed by {}…", &by[..by.len().min(12)]));
    format!("{} {}{signed}", pack.id, pack.version)
}

/// Reads a lab, and which labs it comes after.
fn read(folder: PathBuf) -> (Vec<String>, Volume) {
    match Lab::open(&folder) {
        Ok(lab) => {
            let about = About {
                id: lab.id.clone(),
                title: lab.title.clone(),
                level: lab.level,
                minutes: lab.minutes,
                lead: lead(&lab),
            };
            (lab.after.clone(), Volume { folder, about: Ok(about) })
        }
        Err(errors) => (Vec::new(), Volume { folder, about: Err(errors) }),
    }
}

/// Returns the first sentence of the introduction.
fn lead(lab: &Lab) -> String {
    let intro = lab.texts.get("en").and_then(|text| text.get("intro")).map_or("", String::as_str);
    let words: Vec<&str> =
        intro.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect();
    let text = words.join(" ");
    text.find(". ").map_or(text.clone(), |end| text[..=end].to_owned())
}

/// Puts each lab behind those it comes after; by level, then by folder, where that leaves a choice.
fn in_order(volumes: &mut [(Vec<String>, Volume)]) {
    let level = |volume: &Volume| volume.about.as_ref().map_or(u8::MAX, |about| about.level);
    let after: BTreeMap<String, Vec<String>> =
        volumes.iter().map(|(after, volume)| (volume.id().to_owned(), after.clone())).collect();
    let depths = depths(&after);
    volumes.sort_by_key(|(_, volume)| {
        (level(volume) == u8::MAX, depths.get(volume.id()).copied(), level(volume), volume.folder.clone())
    });
}

/// Returns how many labs come before each, along the longest way; a circle ends somewhere.
fn depths(after: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, usize> {
    let mut depths: BTreeMap<String, usize> = after.keys().map(|id| (id.clone(), 0)).collect();
    for _ in 0..after.len() {
        for (id, before) in after {
            let deepest = before.iter().filter_map(|before| depths.get(before)).max().map_or(0, |deepest| deepest + 1);
            depths.insert(id.clone(), deepest.min(after.len()));
        }
    }
    depths
}

/// Returns the folder of a lab by its id or its path.
pub(super) fn folder_of(labs: &Path, which: &str) -> PathBuf {
    let path = Path::new(which);
    if path.join("lab.toml").is_file() { path.to_owned() } else { labs.join(which) }
}
