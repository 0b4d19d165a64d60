//! Labs that are broken on purpose: each is refused for the right reason, with its place.

use std::{sync::atomic::AtomicBool, time::Duration};

use super::{
    attempt::Attempt,
    build,
    goal::Verdict,
    load::Files,
    model::Lab,
    so_far::SoFar,
    verify::{LabReport, Stage},
};
use crate::{
    command::Author,
    headless::{SimStage, simulate_lab},
    sim::Runner,
    time::TimingProfile,
    trace::Recorder,
};

const TOML: &str = r##"
format = 1
id = "small"
version = "1.0.0"
level = 1
minutes = 10
locales = ["en"]

[cluster]
system = "raft"
size = 3

[[client]]
id = "c1"
rate = 4.0

[allow]
verbs = ["crash", "restart", "put"]

[[step]]
id = "predict"
kind = "predict"
text = "#predict"
[[step.ask]]
id = "who"
options = ["nobody", "another"]
answer = "another"

[[step]]
id = "observe"
kind = "observe"
text = "#observe"
[[step.ask]]
id = "left"
options = ["1", "2", "3"]
answer_expr = "alive"

[[goal]]
id = "another-leads"
sequence = [
  { event = "crash", as = "k", where = 'k.by == "learner" && k.role == "leader"' },
  { state = 'nodes.exists(n, n.leads && n.epoch > k.epoch) && alive == 2' },
]

[[goal]]
id = "asked"
reach = 'ops.exists(o, o.client == "c0" && o.f == "put" && o.result == "ok")'

[[script]]
name = "golden"
expect = "pass"
actions = [
  { predict = "who", choose = "another" },
  { wait = 'leader != ""' },
  { do = "crash @leader" },
  { wait = 'leader != ""' },
  { do = "put @leader x 1" },
  { wait = "1s" },
  { observe = "left", choose = "2" },
]

[[script]]
name = "a-follower"
expect = "fail"
blocked_at = "another-leads"
actions = [{ wait = 'leader != ""' }, { do = "crash @follower[0]" }, { wait = "4s" }]

[verify]
runs = 2
limit = "6s"
profiles = ["fast"]
"##;

/// The second goal of the small lab.
const ASKED: &str = "reach = 'ops.exists(o, o.client == \"c0\" && o.f == \"put\" && o.result == \"ok\")'";

const TEXT: &str = "# Small\n## Predict {#predict}\nwho?\n## Observe {#observe}\nhow many?\n## Another leads \
                    {#goal-another-leads}\nso\n## Asked {#goal-asked}\nso\n";

fn files(toml: &str) -> Files {
    let texts = [("en".to_owned(), ("text/en.md".to_owned(), TEXT.to_owned()))].into();
    Files {
        folder: "small".to_owned(),
        toml_file: "lab.toml".to_owned(),
        toml: toml.to_owned(),
        texts,
        ..Files::default()
    }
}

/// Reads the lab with parts of it replaced.
fn read(edits: &[(&str, &str)]) -> Result<Lab, String> {
    let edit = |toml: String, (part, by): &(&str, &str)| {
        assert!(toml.contains(part), "`{part}` is in the lab");
        toml.replacen(part, by, 1)
    };
    let toml = edits.iter().fold(TOML.to_owned(), edit);
    build::lab(&files(&toml)).map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn verified(lab: &Lab) -> LabReport {
    let stop = AtomicBool::new(false);
    let stage = SimStage { threads: 2, stop: &stop };
    lab.verify(&stage as &dyn Stage, None, &mut |_| {})
}

/// Returns the first thing that is wrong with the lab, whether reading it tells or running it.
fn wrong(edits: &[(&str, &str)]) -> String {
    // One run shows it: these labs are wrong on every seed.
    let once = [edits, &[("runs = 2", "runs = 1")]].concat();
    let lab = match read(&once) {
        Ok(lab) => lab,
        Err(error) => return error,
    };
    let report = verified(&lab);
    let script = report.scripts.iter().find(|script| !script.problems.is_empty());
    script.map(|script| format!("{}: {}", script.name, script.problems[0])).unwrap_or_default()
}

#[test]
fn a_lab_that_is_right_is_found_right() {
    let lab = read(&[]).unwrap_or_else(|error| panic!("{error}"));
    let report = verified(&lab);
    assert!(report.is_ok(), "{report:?}");
    let passed: Vec<u32> = report.scripts.iter().map(|script| script.passed).collect();
    assert_eq!(passed, [2, 0, 0, 0, 0], "{report:?}");
    assert_eq!(verified(&lab), report, "the simulator gives the same report again");
}

#[test]
fn a_phase_of_another_system_has_only_its_own_knobs() {
    let phases = "size = 3\nconfig = { pre_vote = \"off\" }\n\n[[phase]]\nid = \"one\"\n\n[[phase]]\nid = \"other\"\n\
                  system = \"rpc\"\nconfig = { dedup = \"off\" }\n";
    let lab = read(&[
        ("size = 3\n", phases),
        ("id = \"another-leads\"", "id = \"another-leads\"\nphase = \"one\""),
        ("id = \"asked\"", "id = \"asked\"\nphase = \"other\""),
        ("  { do = \"put @leader x 1\" },", "  { phase = \"other\" },\n  { do = \"put n1 x 1\" },"),
    ]);
    let lab = lab.unwrap_or_else(|error| panic!("{error}"));
    let knobs = |phase| lab.spec(phase, 1, TimingProfile::Fast).knobs.into_keys().collect::<Vec<_>>();
    assert_eq!((knobs(0), knobs(1)), (vec!["pre_vote".to_owned()], vec!["dedup".to_owned()]));
    assert_eq!(lab.spec(1, 1, TimingProfile::Fast).protocol, "rpc");
}

#[test]
fn a_mistake_in_the_file_is_told_with_its_place_and_a_remedy() {
    for (part, by, place, why) in [
        ("level = 1", "levle = 1", "line 5, column 1, levle", "did you mean `level`?"),
        ("size = 3", "size = \"three\"", "line 11, column 8, cluster.size", "a whole number without quotes"),
        ("k.role ==", "k.rank ==", "goal.another-leads.sequence", "one act has no `rank`"),
        ("k.epoch)", "j.epoch)", "goal.another-leads.sequence", "`j` is not known here"),
        ("\"crash\", as", "\"kaboom\", as", "goal.another-leads.sequence", "`kaboom` is no event"),
        ("do = \"crash @leader\"", "do = \"crahs @leader\"", "script.golden", "did you mean `crash`?"),
        ("answer = \"another\"", "answer = \"somebody\"", "step.predict.ask.who.answer", "is no answer here"),
        ("#predict\"", "#predcit\"", "step.predict.text", "no section `{#predcit}`"),
        ("blocked_at = \"another-leads\"", "blocked_at = \"another\"", "script.a-follower.blocked_at", "is no goal"),
        ("system = \"raft\"", "system = \"rafd\"", "cluster.system", "did you mean `raft`?"),
        ("rate = 4.0", "rate = 4.0\nasks = \"one\"", "client.asks", "write for example"),
        ("id = \"small\"", "id = \"tall\"", "line 3, column 6, id", "the folder is called `small`"),
        ("runs = 2", "runs = 2000000", "verify.runs", "1 to 1000"),
    ] {
        let error = read(&[(part, by)]).err().unwrap_or_default();
        assert!(error.contains("lab.toml") && error.contains(place) && error.contains(why), "{by}:\n{error}");
    }
}

/// What a newcomer writes: each is told with file, line, key and what to do.
#[test]
fn a_slip_in_the_form_is_told_in_words_of_the_file_and_not_of_its_reader() {
    let golden = "  { do = \"crash @leader\" },\n";
    let add = |more: &str| format!("{golden}  {more},\n");
    let same = (golden, golden.to_owned());
    for ((part, by), place, why) in [
        (("verbs = [\"crash\", \"restart\", \"put\"]", "verbs = \"crash\"".to_owned()), "allow.verbs", "a list in brackets"),
        (("rate = 4.0", "rate = \"often\"".to_owned()), "client.rate", "a number without quotes"),
        (("size = 3", "size = -3".to_owned()), "cluster.size", "this is a number below zero; write a whole number"),
        (("{ wait = \"1s\" }", "{ wait = 1 }".to_owned()), "script.wait", "this is a whole number; write text in quotes"),
        (("kind = \"observe\"", "kind = \"obsreve\"".to_owned()), "step.kind", "did you mean `observe`?"),
        (("id = \"asked\"", "id = \"asked\"\npionts = 10".to_owned()), "goal.pionts", "did you mean `points`?"),
        (("text = \"#observe\"\n", String::new()), "step", "`text` is missing here; add it"),
        (("level = 1", "level = 1\nlevel = 2".to_owned()), "level", "this key is there twice"),
        (("level = 1", "level = = 1".to_owned()), "level", "see what stands before it"),
        (("{ wait = \"1s\" }", "{ wait = \"-1s\" }".to_owned()), "script.golden", "no span of time"),
        (("limit = \"6s\"", "limit = \"0s\"".to_owned()), "verify.limit", "give a second at least"),
        ((same.0, add("{ do = \"crash n9\" }")), "script.golden", "there is no n9; the nodes are n1, n2, n3"),
        ((same.0, add("{ do = \"crash @leader\\nat 2s heal\" }")), "script.golden", "one verb, in one line"),
        ((same.0, add("{ do = \"at 2s crash @leader\" }")), "script.golden", "an action has no time"),
        (("[allow]\n", "[allow]\nmax_faults = 0\n".to_owned()), "script.golden", "it causes 1 faults in a phase"),
        (("locales = [", "after = [\"small\"]\nlocales = [".to_owned()), "after", "a lab does not come after itself"),
        (("rate = 4.0", "rate = 0.0".to_owned()), "line 15, column 8, client", "its rate must be above 0"),
        (("[verify]", "[score]\ngoals = 0\nobserve = 0\nreflect = 0\n\n[verify]".to_owned()), "score", "worth a point"),
        (
            ("[[script]]", "[[hint]]\ngoal = \"asked\"\nlevels = [{ text = \"#observe\", highlight = [\"role:king\"] }]\n\n[[script]]".to_owned()),
            "hint.asked.highlight",
            "`role:king` points at nothing of this lab",
        ),
        (("id = \"asked\"\n", "id = \"never-asked\"\nnever = 'alive > 3'\nwitness = 'alive >'\n#".to_owned()), "goal.never-asked.witness", "cannot be read"),
    ] {
        let error = read(&[(part, &by)]).err().unwrap_or_default();
        assert!(error.contains("lab.toml, line ") && error.contains(place) && error.contains(why), "{by}:\n{error}");
    }
}

#[test]
fn a_lab_of_a_pack_comes_after_labs_of_it_that_come_before() {
    let told = |after: &str| {
        let mut files = files(&TOML.replace("locales = [", &format!("after = [\"{after}\"]\nlocales = [")));
        files.course =
            Some((vec!["first".to_owned(), "small".to_owned(), "last".to_owned()], vec!["first".to_owned()]));
        build::lab(&files).map(|_| ()).map_err(|errors| errors[0].to_string())
    };
    assert_eq!(told("first"), Ok(()));
    assert!(told("last").is_err_and(|it| it.contains("line 7, column 10, after: `last` comes later in the pack")));
    assert!(told("frist").is_err_and(|it| it.contains("did you mean `first`?")));
}

/// Twelve labs that look right to who wrote them.
#[test]
fn each_broken_lab_is_refused_for_the_right_reason() {
    const SEQUENCE: &str = "{ state = 'nodes.exists(n, n.leads && n.epoch > k.epoch) && alive == 2' }";
    const WRONG_TURN: &str = "{ do = \"crash @follower[0]\" }, { wait = \"4s\" }";
    let broken: &[(&[(&str, &str)], &str)] = &[
        (
            &[("{ do = \"crash @leader\" }", "{ do = \"crash @follower[0]\" }")],
            "golden: seed 1, profile fast: it is blocked at another-leads, which is pending",
        ),
        (
            &[("{ wait = \"1s\" }", "{ wait = 'leaders.size() > 1', timeout = \"3s\" }")],
            "waited 3 s in vain for `leaders.size() > 1`",
        ),
        (&[("choose = \"2\"", "choose = \"3\"")], "it answers left with `3`, and right was `2`"),
        (
            &[("{ wait = \"1s\" }", "{ wait = \"32s\" }"), ("minutes = 10", "minutes = 1")],
            "more than half of the lab's 1 minutes",
        ),
        (
            &[(
                WRONG_TURN,
                "{ do = \"crash @leader\" }, { wait = \"4s\" }, { do = \"put @leader y 2\" }, { wait = \"1s\" }",
            )],
            "a-follower: seed 1, profile fast: it passes, and must not",
        ),
        (
            &[(WRONG_TURN, "{ do = \"crash @leader\" }, { wait = \"4s\" }")],
            "it is blocked at asked, not at another-leads: it fails for the wrong reason",
        ),
        (
            &[(ASKED, "reach = 'ops.exists(o, o.f == \"put\" && o.result == \"ok\")'")],
            "do-nothing: seed 1, profile fast: asked is met by doing nothing",
        ),
        (
            &[
                ("where = 'k.by == \"learner\" && k.role == \"leader\"'", "where = 'k.by == \"learner\"'"),
                (SEQUENCE, "{ state = 'nodes.exists(n, n.leads && n.epoch > 0 && k.epoch >= 0)' }"),
                (WRONG_TURN, "{ wait = \"1s\" }"),
            ],
            "overkill: seed 1, profile fast: everything at once passes",
        ),
        (
            &[
                (ASKED, "reach = 'acts.size() == 0 && time > 9.0'"),
                ("limit = \"6s\"", "limit = \"2s\""),
                ("{ wait = \"1s\" }", "{ wait = \"12s\" }"),
                ("  { predict", "  { wait = \"10s\" },\n  { predict"),
            ],
            "golden less one: asked: it depends on no act of the golden script",
        ),
        (&[(ASKED, "never = 'leaders.size() > 1'")], "without a witness, doing nothing meets a `never`"),
        (&[(SEQUENCE, "{ state = 'ops.exists(a, ops.exists(b, a.id == b.id))' }")], "this may take too long"),
        (&[("verbs = [\"crash\", ", "verbs = [")], "the lab does not offer `crash`"),
    ];
    assert_eq!(broken.len(), 12);
    for (edits, why) in broken {
        let told = wrong(edits);
        assert!(told.contains(why), "{why}\n{told}");
    }
}

#[test]
fn a_picture_that_leads_out_of_the_lab_is_refused() {
    for (address, why) in [
        ("../../etc/passwd", "leads out of the lab"),
        ("/etc/passwd", "leads out of the lab"),
        ("https://example.org/a.png", "is an address elsewhere"),
        ("media/no.png", "there is no `media/no.png`"),
    ] {
        let mut files = files(TOML);
        files.texts.get_mut("en").expect("there is a text").1.push_str(&format!("![x]({address})\n"));
        let told = build::lab(&files).err().map(|errors| errors[0].to_string()).unwrap_or_default();
        assert!(told.starts_with("text/en.md, line 10") && told.contains(why), "{told}");
    }
}

#[test]
fn a_folder_with_a_link_or_a_file_that_is_too_large_is_refused() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let open = || Lab::open(folder.path()).err().map(|errors| errors[0].to_string()).unwrap_or_default();
    assert!(open().contains("is not there"), "{}", open());
    std::fs::write(folder.path().join("lab.toml"), "x".repeat(1 << 20)).expect("it can be written");
    assert!(open().contains("is larger than 256 KiB"), "{}", open());
    std::fs::write(folder.path().join("lab.toml"), TOML).expect("it can be written");
    std::fs::create_dir(folder.path().join("media")).expect("it can be made");
    let picture = std::fs::File::create(folder.path().join("media/a.png")).expect("it can be made");
    picture.set_len(1 << 30).expect("it can grow");
    assert!(open().contains("at most 2 MiB"), "{}", open());
}

/// Returns what became of a goal in the golden script of the small lab.
fn verdict(pattern: &str) -> Verdict {
    let (before, rest) = TOML.split_once("id = \"asked\"\n").expect("the lab has the goal");
    let (_, after) = rest.split_once('\n').expect("it has lines");
    let toml = format!("{before}id = \"asked\"\n{pattern}\n{after}");
    let lab = build::lab(&files(&toml)).unwrap_or_else(|errors| panic!("{pattern}: {}", errors[0]));
    let actions = lab.script("golden").map(|script| script.actions.clone()).unwrap_or_default();
    let attempt = Attempt { actions, seed: 3, profile: TimingProfile::Fast };
    let outcome = simulate_lab(&lab, &attempt, &AtomicBool::new(false)).unwrap_or_else(|error| panic!("{error}"));
    outcome.goals.iter().find(|goal| goal.id == "asked").map(|goal| goal.verdict).unwrap_or_default()
}

#[test]
fn each_pattern_is_met_where_it_should_be_and_not_where_it_should_not() {
    const CRASH: &str = "{ event = \"crash\", as = \"j\" }";
    for (pattern, expected) in [
        ("reach = 'alive == 2'", Verdict::Met),
        ("reach = 'alive == 2'\nfor = \"60s\"", Verdict::Pending),
        ("reach = 'leader != \"\"'\ntimes = 2", Verdict::Met),
        ("reach = 'leader != \"\"'\ntimes = 3", Verdict::Pending),
        ("reach = 'elections[9].epoch > 0'", Verdict::Unknown),
        ("hold = 'leaders.size() == 1'\nfor = \"800ms\"\nwitness = 'acts.size() > 0'", Verdict::Met),
        ("hold = 'leaders.size() == 1'\nfor = \"800ms\"\nwitness = 'acts.size() > 1'", Verdict::Pending),
        ("hold = 'leaders.size() == 1'\nfor = \"60s\"\nwitness = 'acts.size() > 0'", Verdict::Pending),
        ("never = 'leaders.size() > 1'\nwitness = 'acts.exists(a, a.by == \"learner\")'", Verdict::Met),
        ("never = 'leaders.size() > 1'\nwitness = 'cut_links > 0'", Verdict::Pending),
        ("never = 'alive < 3'\nwitness = 'acts.size() > 0'", Verdict::Violated),
        ("measure = 'ops.filter(o, o.result == \"ok\").size() >= 2'\nwitness = 'ops.size() >= 2'", Verdict::Met),
        ("measure = 'ops.filter(o, o.result == \"ok\").size() >= 900'\nwitness = 'ops.size() >= 2'", Verdict::Violated),
        ("measure = 'ops.size() >= 2'\nwitness = 'ops.size() >= 900'", Verdict::Unknown),
        (
            &format!("respond = [{CRASH}, {{ state = 'leader != j.node && leader != \"\"' }}]\nwithin = \"4s\""),
            Verdict::Met,
        ),
        (&format!("respond = [{CRASH}, {{ state = 'leader == j.node' }}]\nwithin = \"1s\""), Verdict::Violated),
        (
            &format!("respond = [{CRASH}, {{ state = 'leader != \"\"' }}]\nwithin = \"4s\"\nmin_triggers = 2"),
            Verdict::Pending,
        ),
        (&format!("sequence = [{CRASH}, {{ event = \"op.ok\", where = 'it.client == \"c0\"' }}]"), Verdict::Met),
        (&format!("sequence = [{{ event = \"op.ok\", where = 'it.client == \"c0\"' }}, {CRASH}]"), Verdict::Pending),
        (&format!("sequence = [{CRASH}, {{ state = 'alive == 2' }}, {{ event = \"restart\" }}]"), Verdict::Pending),
        (
            &format!("sequence = [{CRASH}, {{ event = \"op.ok\", where = 'it.client == \"c0\"' }}]\nwithin = \"10ms\""),
            Verdict::Pending,
        ),
    ] {
        assert_eq!(verdict(pattern), expected, "{pattern}");
    }
}

/// Returns how far a goal is, if it is not decided, when the golden script of the small lab is over.
fn so_far(pattern: &str) -> Option<SoFar> {
    let lab = read(&[(ASKED, pattern)]).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let actions = lab.script("golden").map(|script| script.actions.clone()).unwrap_or_default();
    let attempt = Attempt { actions, seed: 3, profile: TimingProfile::Fast };
    let (spec, mut play, mut progress) = attempt.begin(&lab, &attempt.segments()[0]);
    let mut runner = Runner::start(&spec, Recorder::kept()).expect("it starts");
    let mut events = Vec::new();
    while !play.is_over() {
        runner.take_events(&mut events);
        events.drain(..).for_each(|event| progress.see(&event));
        match play.next(runner.now(), &progress) {
            Some(commands) => commands.into_iter().for_each(|command| runner.command(Author::User, command)),
            None => while !runner.advance(runner.now() + Duration::from_millis(10), 1000) {},
        }
    }
    progress.so_far().into_iter().find(|(id, _)| id == "asked").map(|(_, so_far)| so_far)
}

#[test]
fn a_goal_that_is_on_its_way_says_how_far_it_is() {
    const CRASH: &str = "{ event = \"crash\", as = \"j\" }";
    assert_eq!(so_far("reach = 'leader != \"\"'\ntimes = 3"), Some(SoFar::Times { done: 2, of: 3 }));
    let steps = format!("sequence = [{CRASH}, {{ state = 'alive == 2' }}, {{ event = \"restart\" }}]");
    assert_eq!(so_far(&steps), Some(SoFar::Steps { done: 2, of: 3 }));
    let twice = format!("respond = [{CRASH}, {{ state = 'leader != \"\"' }}]\nwithin = \"4s\"\nmin_triggers = 2");
    assert_eq!(so_far(&twice), Some(SoFar::Followed { done: 1, of: 2, due: None }));
    let held = so_far("hold = 'leaders.size() == 1'\nfor = \"60s\"\nwitness = 'acts.size() > 0'");
    let Some(SoFar::Held { since: Some(_), span }) = held else { panic!("{held:?}") };
    assert!(!span.is_zero() && span < Duration::from_secs(60), "a fast profile asks for less: {span:?}");
    let end = |so, enough| Some(SoFar::AtTheEnd { so, enough });
    assert_eq!(so_far("never = 'leaders.size() > 1'\nwitness = 'acts.size() > 0'"), end(true, true));
    assert_eq!(so_far("never = 'leaders.size() > 1'\nwitness = 'cut_links > 0'"), end(true, false));
    assert_eq!(so_far("measure = 'ops.size() >= 900'\nwitness = 'ops.size() >= 2'"), end(false, true));
    assert_eq!(so_far("reach = 'alive == 2'"), None, "what is met is not on its way");
}

/// Reads the small lab with something that it does by itself.
fn by_itself(entry: &str, asked: &str) -> Result<Lab, String> {
    const GOLDEN: &str = "[[script]]\nname = \"golden\"";
    read(&[(GOLDEN, &format!("[[timeline]]\n{entry}\n\n{GOLDEN}")), (ASKED, asked)])
}

#[test]
fn what_the_lab_does_by_itself_comes_at_its_time_and_is_not_the_learners_deed() {
    // The lab offers its learner no slowness; what it does by itself, it may.
    let entry = "at = \"500ms\"\ndo = \"slow n3 2x\"";
    let asked = |by: &str, until: &str| {
        let act =
            format!("reach = 'acts.exists(a, a.kind == \"slow\" && a.node == \"n3\" && a.by == \"{by}\" && {until})'");
        let lab = by_itself(entry, &act).unwrap_or_else(|error| panic!("{error}"));
        let actions = lab.script("golden").map(|script| script.actions.clone()).unwrap_or_default();
        let attempt = Attempt { actions, seed: 3, profile: TimingProfile::Human };
        let outcome = simulate_lab(&lab, &attempt, &AtomicBool::new(false)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(outcome.stuck, None);
        outcome.goals[1].verdict
    };
    assert_eq!(asked("lab", "a.at >= 0.5 && a.at < 0.6"), Verdict::Met);
    assert_eq!(asked("lab", "a.at < 0.5"), Verdict::Pending);
    assert_eq!(asked("learner", "true"), Verdict::Pending);
}

#[test]
fn a_mistake_in_what_the_lab_does_by_itself_is_told_with_its_place_and_a_remedy() {
    for (entry, expected) in [
        ("at = \"1s\"\ndo = \"freez n3\"", "timeline.do: `freez` is no verb; did you mean `freeze`?"),
        ("at = \"1s\"\ndo = \"freeze n9\"", "timeline.do"),
        ("at = \"soon\"\ndo = \"freeze n3\"", "timeline.at: this is no span of time"),
        ("at = \"11m\"\ndo = \"freeze n3\"", "timeline.at: the lab takes about 10 minutes"),
        ("at = \"1s\"\nphase = \"b\"\ndo = \"freeze n3\"", "timeline.phase: `b` is no phase"),
        ("at = \"1s\"\ndo = \"put n1 {color} 1\"", "timeline.do: `{color} 1` is not known here"),
    ] {
        let error = by_itself(entry, ASKED).map(|_| ()).unwrap_err();
        assert!(error.contains("lab.toml, line 5") && error.contains(expected), "{entry}: {error}");
    }
}

/// What can be said of knobs, wipes and elections: where it is true, and where it is not.
#[test]
fn words_of_knobs_wipes_and_elections_are_true_where_they_should_be() {
    let acts = "  { do = \"set jitter 0%\" },\n  { do = \"crash @follower[0]\" },\n  { do = \"restart all\" },";
    let quiet = [
        ("verbs = [\"crash\", \"restart\", \"put\"]", "verbs = [\"crash\", \"restart\", \"put\", \"set\"]"),
        ("  { do = \"crash @leader\" },\n", acts),
        ("runs = 2", "runs = 1"),
    ];
    for (expr, expected) in [
        ("knobs.exists(k, k.name == \"jitter\" && k.value == \"0%\")", Verdict::Met),
        ("knobs.exists(k, k.name == \"pre_vote\")", Verdict::Pending),
        ("acts.exists(a, a.kind == \"set\" && a.knob == \"jitter\" && a.value == \"0%\")", Verdict::Met),
        ("acts.exists(a, a.kind != \"set\" && a.knob != \"\")", Verdict::Pending),
        ("acts.exists(a, a.kind == \"restart\" && !a.wiped)", Verdict::Met),
        ("acts.exists(a, a.wiped)", Verdict::Pending),
        ("steady >= 0.5", Verdict::Met),
        ("steady >= 60.0", Verdict::Pending),
        ("failed_elections.size() > 0", Verdict::Pending),
        ("conflicts.size() > 0", Verdict::Pending),
        ("ops.exists(o, o.error == \"\" && o.result == \"ok\")", Verdict::Met),
        ("ops.exists(o, o.error != \"\" && o.result == \"ok\")", Verdict::Pending),
        ("ops.exists(o, o.own)", Verdict::Pending),
    ] {
        let goal = format!("id = \"asked\"\nreach = '{expr}'\n\n[[script]]\nname = \"golden\"");
        let written = "id = \"asked\"\nreach = 'ops.exists(o, o.client == \"c0\" && o.f == \"put\" && o.result == \"ok\")'\n\n[[script]]\nname = \"golden\"";
        let edits = [&quiet[..], &[(written, goal.as_str())]].concat();
        let lab = read(&edits).unwrap_or_else(|error| panic!("{expr}: {error}"));
        let actions = lab.script("golden").map(|script| script.actions.clone()).unwrap_or_default();
        let attempt = Attempt { actions, seed: 3, profile: TimingProfile::Fast };
        let outcome = simulate_lab(&lab, &attempt, &AtomicBool::new(false)).unwrap_or_else(|error| panic!("{error}"));
        let verdict = outcome.goals.iter().find(|goal| goal.id == "asked").map(|goal| goal.verdict).unwrap_or_default();
        assert_eq!(verdict, expected, "{expr}");
    }
}

#[cfg(feature = "live")]
#[test]
fn the_golden_script_passes_on_real_nodes_live() {
    let lab = read(&[]).unwrap_or_else(|error| panic!("{error}"));
    let actions = lab.script("golden").map(|script| script.actions.clone()).unwrap_or_default();
    let attempt = Attempt { actions, seed: 1, profile: TimingProfile::Fast };
    let outcome = crate::headless::live_lab(&lab, &attempt, &AtomicBool::new(false));
    assert!(outcome.as_ref().is_ok_and(super::Outcome::passed), "{outcome:?}");
}
