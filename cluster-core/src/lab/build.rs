//! From the file to the lab: everything that can be wrong without running it is found here, with its place.

use std::{collections::BTreeSet, ops::Range, time::Duration};

use super::{
    LabError, build_goals, build_hints, build_scripts,
    expr::{Expr, Kind, Wanted},
    load::{Files, picture_problem},
    model::{Answer, Ask, Lab, Param, Phase, Step, StepKind, Verify, idle_client},
    source::{AskFile, ClientFile, KindFile, LabFile, ParamFile, StepFile, Text},
    text, toml_words,
};
use crate::{
    ids::{ClientId, NodeId},
    registry,
    script::{did_you_mean, parse_duration},
    spec::{ClientSpec, ClusterSpec, Load, Target},
    time::TimingProfile,
};

/// The format that is read.
const FORMAT: u32 = 1;
/// How many words a reflection can be asked for.
const WORDS_MAX: u32 = 500;

/// Finds mistakes and keeps them.
pub(super) struct Builder<'a> {
    pub(super) files: &'a Files,
    pub(super) errors: Vec<LabError>,
}

/// Makes a lab of its files.
pub(super) fn lab(files: &Files) -> Result<Lab, Vec<LabError>> {
    let file: LabFile = toml::from_str(&files.toml)
        .map_err(|error| vec![toml_words::mistake(&files.toml_file, &files.toml, &error)])?;
    let mut builder = Builder { files, errors: Vec::new() };
    let lab = builder.lab(&file);
    if builder.errors.is_empty() { Ok(lab) } else { Err(builder.errors) }
}

impl Builder<'_> {
    fn lab(&mut self, file: &LabFile) -> Lab {
        self.head(file);
        let texts = self.texts(file);
        let phases = self.phases(file);
        let mut lab = Lab {
            id: file.id.get_ref().clone(),
            title: self.files.texts.get("en").and_then(|(_, all)| text::title(all)).unwrap_or_default().to_owned(),
            version: file.version.get_ref().clone(),
            level: *file.level.get_ref(),
            minutes: *file.minutes.get_ref(),
            after: file.after.iter().map(|lab| lab.get_ref().clone()).collect(),
            definition: super::evidence::digest_of(self.files.toml.replace("\r\n", "\n").as_bytes()),
            pack: None,
            seeds: file.seeds.iter().map(|seed| seed.get_ref().clone()).collect(),
            params: self.params(file),
            cluster: self.cluster(file),
            phases,
            verbs: file.allow.verbs.iter().map(|verb| verb.get_ref().clone()).collect(),
            max_faults: file.allow.max_faults.as_ref().map(|most| *most.get_ref()),
            steps: Vec::new(),
            goals: Vec::new(),
            hints: Vec::new(),
            timeline: Vec::new(),
            scripts: Vec::new(),
            verify: self.verify(file),
            score: [file.score.goals, file.score.observe, file.score.reflect],
            texts,
        };
        self.clusters(file, &lab);
        self.palette(file);
        lab.steps = file.step.iter().filter_map(|step| self.step(step, &lab)).collect();
        self.once("step", file.step.iter().map(|step| &step.id));
        self.once("step.ask", file.step.iter().flat_map(|step| &step.ask).map(|ask| &ask.id));
        lab.goals = build_goals::goals(self, file, &lab);
        lab.hints = build_hints::hints(self, file, &lab);
        lab.timeline = build_scripts::timeline(self, file, &lab);
        lab.scripts = build_scripts::scripts(self, file, &lab);
        lab
    }

    pub(super) fn wrong(&mut self, span: Range<usize>, key: &str, problem: impl Into<String>) {
        let error = LabError::at(&self.files.toml_file, &self.files.toml, span, key, problem.into());
        self.errors.push(error);
    }

    /// Says that a word is none of those known.
    pub(super) fn unknown<'k>(&mut self, word: &Text, key: &str, what: &str, known: impl IntoIterator<Item = &'k str>) {
        let known: Vec<&str> = known.into_iter().collect();
        let remedy = match did_you_mean(word.get_ref(), known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if known.is_empty() => "there is none".to_owned(),
            None => format!("there are {}", known.join(", ")),
        };
        self.wrong(word.span(), key, format!("`{}` is no {what}; {remedy}", word.get_ref()));
    }

    pub(super) fn duration(&mut self, text: &Text, key: &str) -> Duration {
        match parse_duration(text.get_ref()).filter(|span| *span <= Duration::from_secs(3600)) {
            Some(span) => span,
            None => {
                self.wrong(
                    text.span(),
                    key,
                    "this is no span of time of at most an hour; write for example \"3s\" or \"250ms\"",
                );
                Duration::ZERO
            }
        }
    }

    pub(super) fn expr(&mut self, text: &Text, wanted: Wanted, bound: &[(String, Kind)], key: &str) -> Option<Expr> {
        match Expr::new(text.get_ref(), wanted, bound) {
            Ok(expr) => Some(expr),
            Err(error) => {
                let span = text.span();
                let written = self.files.toml.get(span.clone()).unwrap_or_default();
                let opening = if written.starts_with("'''") || written.starts_with("\"\"\"") { 3 } else { 1 };
                let start = (span.start + opening + error.at).min(span.end);
                self.wrong(start..(start + error.bytes).min(span.end), key, error.problem);
                None
            }
        }
    }

    pub(super) fn once<'t>(&mut self, what: &str, ids: impl Iterator<Item = &'t Text>) {
        let mut seen = BTreeSet::new();
        for id in ids {
            let word = id.get_ref();
            let plain =
                !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if !plain || word.len() > 60 {
                self.wrong(
                    id.span(),
                    &format!("{what}.id"),
                    "an id is made of small letters, digits and hyphens, 60 at most",
                );
            } else if !seen.insert(word.clone()) {
                self.wrong(
                    id.span(),
                    &format!("{what}.id"),
                    format!("`{word}` is there twice; give each an id of its own"),
                );
            }
        }
    }

    fn head(&mut self, file: &LabFile) {
        self.once("lab", std::iter::once(&file.id));
        if *file.format.get_ref() != FORMAT {
            let problem = format!("this program reads format {FORMAT}; take a version of it that reads this one");
            self.wrong(file.format.span(), "format", problem);
        }
        if !self.files.folder.is_empty() && *file.id.get_ref() != self.files.folder {
            let problem = format!("the folder is called `{}`; give both the same name", self.files.folder);
            self.wrong(file.id.span(), "id", problem);
        }
        let parts: Vec<_> = file.version.get_ref().split('.').map(str::parse::<u32>).collect();
        if parts.len() != 3 || parts.iter().any(Result::is_err) {
            self.wrong(file.version.span(), "version", "a version is three numbers, such as \"1.0.0\"");
        }
        if !(1..=3).contains(file.level.get_ref()) {
            self.wrong(file.level.span(), "level", "a level is 1, 2 or 3");
        }
        if !(1..=120).contains(file.minutes.get_ref()) {
            self.wrong(file.minutes.span(), "minutes", "a lab takes 1 to 120 minutes");
        }
        let numbered = |text: &str, letter: char, most: u32| {
            text.strip_prefix(letter)
                .is_some_and(|it| it.len() == 2 && it.parse().is_ok_and(|n| (1..=most).contains(&n)))
        };
        for seed in file.seeds.iter().filter(|it| !numbered(it.get_ref(), 'S', 22)) {
            self.wrong(seed.span(), "seeds", "a topic is one of S01 to S22");
        }
        for it in file.misconceptions.iter().filter(|it| !numbered(it.get_ref(), 'M', 30)) {
            self.wrong(it.span(), "misconceptions", "a misconception is one of M01 to M30");
        }
        for used in &file.uses {
            let (name, version) = used.get_ref().split_once('@').unwrap_or((used.get_ref(), ""));
            if registry::protocol(name).is_none() || version != "1" {
                let known: Vec<String> = registry::PROTOCOLS.iter().map(|row| format!("{}@1", row.id)).collect();
                self.unknown(used, "uses", "capability of this program", known.iter().map(String::as_str));
            }
        }
        self.once("after", file.after.iter());
        for before in &file.after {
            let word = before.get_ref();
            let problem = match &self.files.course {
                _ if word == file.id.get_ref() => "a lab does not come after itself; take it away".to_owned(),
                Some((all, _)) if !all.contains(word) => {
                    self.unknown(before, "after", "lab of this pack", all.iter().map(String::as_str));
                    continue;
                }
                Some((_, earlier)) if !earlier.contains(word) => {
                    format!(
                        "`{word}` comes later in the pack; change the order of `labs` in pack.toml, or take it away"
                    )
                }
                Some(_) | None => continue,
            };
            self.wrong(before.span(), "after", problem);
        }
        if [file.score.goals, file.score.observe, file.score.reflect] == [0; 3] {
            self.wrong(file.id.span(), "score", "nothing is worth a point; give some for goals, observe or reflect");
        }
    }

    fn texts(
        &mut self,
        file: &LabFile,
    ) -> std::collections::BTreeMap<String, std::collections::BTreeMap<String, String>> {
        let mut texts = std::collections::BTreeMap::new();
        for (locale, (name, whole)) in &self.files.texts {
            match text::sections(whole) {
                Ok(sections) => drop(texts.insert(locale.clone(), sections)),
                Err((line, problem)) => {
                    let start = whole.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>();
                    let end = start + whole[start..].lines().next().map_or(0, str::len);
                    self.errors.push(LabError::at(name, whole, start..end, "", problem));
                }
            }
            for (start, end, problem) in text::foreign(whole) {
                self.errors.push(LabError::at(name, whole, start..end, "", problem));
            }
            for address in text::pictures(whole) {
                if let Some(problem) = picture_problem(address, &self.files.pictures) {
                    let at = whole.find(address).unwrap_or(0);
                    self.errors.push(LabError::at(name, whole, at..at + address.len(), "", problem));
                }
            }
        }
        for locale in file.locales.iter().filter(|locale| !self.files.texts.contains_key(locale.get_ref())) {
            let problem = format!("there is no text/{}.md; write it, or take the language away", locale.get_ref());
            self.wrong(locale.span(), "locales", problem);
        }
        if !file.locales.iter().any(|locale| locale.get_ref() == "en") {
            let span = file.locales.first().map_or(file.id.span(), |locale| locale.span());
            self.wrong(span, "locales", "English is the language that others fall back to; add \"en\"");
        }
        if let Some((name, whole)) = self.files.texts.get("en")
            && text::title(whole).is_none()
        {
            self.errors.push(LabError::of_file(name, "has no title; begin it with `# The title`".to_owned()));
        }
        texts
    }

    /// Checks that a section is there, in every language.
    pub(super) fn anchor(&mut self, span: Range<usize>, anchor: &str, key: &str, lab: &Lab) {
        let missing: Vec<_> =
            lab.texts.iter().filter(|(_, all)| !all.contains_key(anchor)).map(|(it, _)| it.clone()).collect();
        if let Some(locale) = missing.first() {
            let problem =
                format!("text/{locale}.md has no section `{{#{anchor}}}`; write one, `## A heading {{#{anchor}}}`");
            self.wrong(span, key, problem);
        }
    }

    pub(super) fn anchored(&mut self, text: &Text, key: &str, lab: &Lab) -> String {
        match text.get_ref().strip_prefix('#') {
            Some(anchor) => {
                self.anchor(text.span(), anchor, key, lab);
                anchor.to_owned()
            }
            None => {
                self.wrong(text.span(), key, "this names a section of the text; write for example \"#predict\"");
                String::new()
            }
        }
    }

    fn params(&mut self, file: &LabFile) -> std::collections::BTreeMap<String, Param> {
        let mut params = std::collections::BTreeMap::new();
        for (name, param) in &file.params {
            let key = format!("params.{}", name.get_ref());
            let param = match param {
                ParamFile::Pick(words) => {
                    let plain = |word: &String| {
                        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                    };
                    if words.get_ref().is_empty() || !words.get_ref().iter().all(plain) {
                        self.wrong(words.span(), &key, "give at least one word of letters, digits and hyphens");
                    }
                    Param::Pick(words.get_ref().clone())
                }
                ParamFile::Int(span) => {
                    let (low, high) = *span.get_ref();
                    if low > high {
                        self.wrong(span.span(), &key, "the first number is the lowest, the second the highest");
                    }
                    Param::Int(low, high.max(low))
                }
                ParamFile::Shuffle(words) => self.shuffle(file, name.get_ref(), words, &key),
            };
            params.insert(name.get_ref().clone(), param);
        }
        params
    }

    /// Reads a list that is put into an order of its own. That of the name `names` gives the nodes theirs.
    fn shuffle(&mut self, file: &LabFile, name: &str, words: &toml::Spanned<Vec<String>>, key: &str) -> Param {
        let list = words.get_ref();
        let differ: BTreeSet<&String> = list.iter().collect();
        let shown =
            |word: &String| !word.trim().is_empty() && word.chars().count() <= 12 && !word.contains(['{', '}', ',']);
        if list.len() < 2 || differ.len() != list.len() || !list.iter().all(shown) {
            self.wrong(
                words.span(),
                key,
                "give at least two words that differ, of at most 12 letters, without commas and braces",
            );
        }
        let sizes = file.phase.iter().filter_map(|phase| phase.size.as_ref()).chain([&file.cluster.size]);
        let most = sizes.map(|size| usize::from(*size.get_ref())).max().unwrap_or(0);
        if name == super::draw::NAMES && list.len() < most {
            let problem = format!("there are {most} nodes and {} names; give each node one", list.len());
            self.wrong(words.span(), key, problem);
        }
        Param::Shuffle(list.clone())
    }

    fn phases(&mut self, file: &LabFile) -> Vec<Phase> {
        self.once("phase", file.phase.iter().map(|phase| &phase.id));
        let knobs = |config: &std::collections::BTreeMap<Text, Text>| {
            config.iter().map(|(knob, value)| (knob.get_ref().clone(), value.get_ref().clone())).collect()
        };
        let mut phase = |phase: &super::source::PhaseFile| Phase {
            id: phase.id.get_ref().clone(),
            system: phase.system.as_ref().map(|system| system.get_ref().clone()),
            size: phase.size.as_ref().map(|size| *size.get_ref()),
            link_delay: phase.link_delay.as_ref().map(|delay| self.duration(delay, "phase.link_delay")),
            knobs: knobs(&phase.config),
        };
        match file.phase.is_empty() {
            true => vec![Phase::default()],
            false => file.phase.iter().map(&mut phase).collect(),
        }
    }

    fn cluster(&mut self, file: &LabFile) -> ClusterSpec {
        let cluster = &file.cluster;
        let size = *cluster.size.get_ref();
        let profile = cluster
            .profile
            .as_ref()
            .map_or(Some(TimingProfile::Human), |word| TimingProfile::from_word(word.get_ref()));
        if let (None, Some(word)) = (profile, &cluster.profile) {
            self.unknown(word, "cluster.profile", "timing profile", TimingProfile::ALL.map(TimingProfile::word));
        }
        let sizes = std::iter::once(&cluster.size).chain(file.phase.iter().filter_map(|phase| phase.size.as_ref()));
        for size in sizes.filter(|size| !(1..=16).contains(size.get_ref())).collect::<Vec<_>>() {
            self.wrong(size.span(), "size", "a cluster of a lab has 1 to 16 nodes");
        }
        let systems = file.phase.iter().filter_map(|phase| Some(("phase.system", phase.system.as_ref()?)));
        for (key, system) in std::iter::once(("cluster.system", &cluster.system)).chain(systems) {
            if registry::protocol(system.get_ref()).is_none() {
                self.unknown(system, key, "system", registry::PROTOCOLS.iter().map(|row| row.id));
            }
        }
        self.once("client", file.client.iter().map(|client| &client.id));
        ClusterSpec {
            protocol: cluster.system.get_ref().clone(),
            nodes: (1..=size.clamp(1, 16)).map(NodeId).collect(),
            profile: profile.unwrap_or_default(),
            knobs: cluster
                .config
                .iter()
                .map(|(knob, value)| (knob.get_ref().clone(), value.get_ref().clone()))
                .collect(),
            clients: file.client.iter().map(|client| self.client(client)).collect(),
            ..ClusterSpec::default()
        }
    }

    fn client(&mut self, file: &ClientFile) -> ClientSpec {
        let number = file
            .id
            .get_ref()
            .strip_prefix('c')
            .and_then(|number| number.parse().ok())
            .filter(|number| (1..100).contains(number));
        let Some(number) = number else {
            self.wrong(file.id.span(), "client.id", "clients are called c1 to c99");
            return idle_client(ClientId(1));
        };
        let mut client = idle_client(ClientId(number));
        client.load = match (&file.rate, &file.think) {
            (Some(rate), None) => Load::Open { rate_hz: *rate.get_ref() },
            (None, Some(think)) => Load::Closed { think: self.duration(think, "client.think") },
            (None, None) => Load::Idle,
            (Some(rate), Some(_)) => {
                self.wrong(
                    rate.span(),
                    "client.rate",
                    "a client asks at a rate, or thinks after each answer; take one of both away",
                );
                Load::Idle
            }
        };
        if let Some(asks) = &file.asks {
            match asks.get_ref().strip_prefix('n').and_then(|number| number.parse().ok()).filter(|number| *number > 0) {
                Some(number) => client.target = Target::Fixed(NodeId(number)),
                None => self.wrong(asks.span(), "client.asks", "a client asks one node only; write for example \"n1\""),
            }
        }
        if let Some(timeout) = &file.timeout {
            client.timeout = self.duration(timeout, "client.timeout");
        }
        client.retries = file.retries.unwrap_or(client.retries);
        client.read_share = file.reads.as_ref().map_or(client.read_share, |share| *share.get_ref());
        client.keys = file.keys.as_ref().map_or(client.keys, |keys| *keys.get_ref());
        client
    }

    /// Lets the registry say what it thinks of each phase's cluster.
    fn clusters(&mut self, file: &LabFile, lab: &Lab) {
        for at in 0..lab.phases.len() {
            let checked = registry::check(&lab.spec(at, 1, TimingProfile::Human));
            if let Err(error) = checked {
                let phase = file.phase.get(at).filter(|phase| !phase.config.is_empty());
                let config = phase.map_or(&file.cluster.config, |phase| &phase.config);
                let named = config.keys().find(|knob| error.to_string().contains(&format!("`{}`", knob.get_ref())));
                let told = error.to_string();
                let client = file.client.iter().find(|it| told.contains(&format!("client {}:", it.id.get_ref())));
                let part = client.map(|it| match &it.rate {
                    Some(rate) if told.contains("rate") => rate.span(),
                    _ => it.id.span(), // The others have no place of their own.
                });
                let span = part.unwrap_or_else(|| named.map_or(file.cluster.system.span(), |knob| knob.span()));
                // Two clients of one name were told at their places.
                if !told.contains("named twice") {
                    self.wrong(span, if client.is_some() { "client" } else { "cluster" }, told);
                }
                return;
            }
        }
    }

    fn palette(&mut self, file: &LabFile) {
        let known: Vec<&str> = crate::script::verbs().map(|row| row.verb).collect();
        for verb in file.allow.verbs.iter().filter(|verb| !known.contains(&verb.get_ref().as_str())) {
            self.unknown(verb, "allow.verbs", "verb", known.iter().copied());
        }
    }

    fn verify(&mut self, file: &LabFile) -> Verify {
        let runs = *file.verify.runs.get_ref();
        if !(1..=1000).contains(&runs) {
            self.wrong(file.verify.runs.span(), "verify.runs", "give 1 to 1000 runs; 20 is usual");
        }
        let mut profiles = Vec::new();
        for word in file.verify.profiles.iter().flatten() {
            match TimingProfile::from_word(word.get_ref()) {
                Some(profile) => profiles.push(profile),
                None => {
                    self.unknown(word, "verify.profiles", "timing profile", TimingProfile::ALL.map(TimingProfile::word))
                }
            }
        }
        if profiles.is_empty() {
            profiles = vec![TimingProfile::Fast, TimingProfile::Human];
        }
        let limit = self.duration(&file.verify.limit, "verify.limit");
        if limit < Duration::from_secs(1) && self.errors.is_empty() {
            let problem = "for so long doing nothing is watched; give a second at least, 20s is usual";
            self.wrong(file.verify.limit.span(), "verify.limit", problem);
        }
        Verify { runs, limit, profiles }
    }

    fn step(&mut self, file: &StepFile, lab: &Lab) -> Option<Step> {
        let key = format!("step.{}", file.id.get_ref());
        let kind = match file.kind.get_ref() {
            KindFile::Predict => StepKind::Predict,
            KindFile::Do => StepKind::Do,
            KindFile::Observe => StepKind::Observe,
            KindFile::Reflect => StepKind::Reflect,
            KindFile::Read => StepKind::Read,
        };
        if let Some(phase) = file.phase.as_ref().filter(|phase| !lab.phases.iter().any(|it| it.id == *phase.get_ref()))
        {
            self.unknown(phase, &format!("{key}.phase"), "phase", lab.phases.iter().map(|phase| phase.id.as_str()));
        }
        let asks_something = matches!(kind, StepKind::Predict | StepKind::Observe);
        if asks_something == file.ask.is_empty() {
            let problem = match asks_something {
                true => "this step asks something; add a [[step.ask]]",
                false => "only predictions and observations ask something; take [[step.ask]] away",
            };
            self.wrong(file.kind.span(), &key, problem);
        }
        if let Some(source) = file.source.as_ref().filter(|source| !source.get_ref().starts_with("https://")) {
            self.wrong(source.span(), &format!("{key}.source"), "a source is an address that begins with https://");
        }
        if let Some(words) = file.min_words.as_ref().filter(|words| *words.get_ref() > WORDS_MAX) {
            let problem = format!("nobody writes so much; ask for {WORDS_MAX} words at most, 15 is usual");
            self.wrong(words.span(), &format!("{key}.min_words"), problem);
        }
        Some(Step {
            id: file.id.get_ref().clone(),
            kind,
            text: self.anchored(&file.text, &format!("{key}.text"), lab),
            phase: file.phase.as_ref().map(|phase| phase.get_ref().clone()),
            asks: file.ask.iter().filter_map(|ask| self.ask(ask, kind, &key)).collect(),
            min_words: file.min_words.as_ref().map_or(0, |words| *words.get_ref()),
            source: file.source.as_ref().map(|source| source.get_ref().clone()),
        })
    }

    fn ask(&mut self, file: &AskFile, kind: StepKind, key: &str) -> Option<Ask> {
        let key = format!("{key}.ask.{}", file.id.get_ref());
        let options: Vec<String> = file.options.get_ref().iter().map(|option| option.get_ref().clone()).collect();
        let differ: BTreeSet<&String> = options.iter().collect();
        if options.len() < 2 || differ.len() != options.len() {
            self.wrong(file.options.span(), &key, "give at least two answers that differ");
        }
        for option in file.misconception.keys().filter(|option| !options.contains(option.get_ref())) {
            self.unknown(option, &format!("{key}.misconception"), "answer here", options.iter().map(String::as_str));
        }
        let answer = match (&file.answer, &file.answer_expr) {
            (Some(answer), None) => {
                if !options.contains(answer.get_ref()) {
                    self.unknown(answer, &format!("{key}.answer"), "answer here", options.iter().map(String::as_str));
                }
                Answer::Fixed(answer.get_ref().clone())
            }
            (None, Some(told)) if kind == StepKind::Observe => {
                Answer::Told(self.expr(told, Wanted::Answer, &[], &format!("{key}.answer_expr"))?)
            }
            _ => {
                self.wrong(file.id.span(), &key, "give `answer`, or, where something is observed, `answer_expr`");
                return None;
            }
        };
        let misconceptions =
            file.misconception.iter().map(|(option, code)| (option.get_ref().clone(), code.get_ref().clone()));
        Some(Ask { id: file.id.get_ref().clone(), options, answer, misconceptions: misconceptions.collect() })
    }
}
