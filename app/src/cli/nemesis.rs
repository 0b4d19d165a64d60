//! The flags of random faults, and what is told of them.

use std::time::Duration;

use clap::Args;
use cluster_core::{
    fault::{FAULTS, FaultKind},
    headless::Chaos,
    nemesis::{NemesisSpec, PROFILES, Profile},
    script::{did_you_mean, parse_duration},
    trace::Summary,
};
use serde::Serialize;

use super::{Failure, cluster};

/// The flags of random faults.
#[derive(Args, Clone, Debug)]
pub struct NemesisArgs {
    /// Strike at random, by this profile (see `faultline verbs`); everything follows from --seed.
    #[arg(id = "nemesis", long = "nemesis", value_name = "PROFILE", value_parser = profile)]
    pub profile: Option<Profile>,
    /// How often it strikes on average, in cluster time: `1/2s` is one fault in two seconds.
    #[arg(id = "nemesis-rate", long = "nemesis-rate", value_name = "N/TIME", default_value = "1/2s", value_parser = gap, requires = "nemesis")]
    pub gap: Duration,
    /// The kinds of faults it may use, such as `crash,cut` [default: those of the profile]; swarm draws a part of them.
    #[arg(id = "nemesis-kinds", long = "nemesis-kinds", value_name = "KINDS", value_delimiter = ',', value_parser = kind, requires = "nemesis")]
    pub kinds: Vec<FaultKind>,
    /// Whether more than half of the nodes always stay up [default: yes for swarm, no for the other profiles].
    #[arg(
        id = "nemesis-keep-majority",
        long = "nemesis-keep-majority",
        value_name = "YES|NO",
        num_args = 0..=1,
        default_missing_value = "yes",
        value_parser = clap::builder::BoolishValueParser::new(),
        requires = "nemesis"
    )]
    pub keep_majority: Option<bool>,
    /// How long before the end of the run it gives up and everything is healed.
    #[arg(id = "nemesis-quiet", long = "nemesis-quiet", value_name = "DURATION", default_value = "5s", value_parser = cluster::duration, requires = "nemesis")]
    pub quiet: Duration,
}

/// What the summary says of random faults.
#[derive(Serialize)]
struct Told {
    profile: &'static str,
    kinds: Vec<&'static str>,
    mean_gap_ms: u64,
    keep_majority: bool,
    quiet_ms: u64,
    commands: u64,
}

impl NemesisArgs {
    /// Returns the random faults of a run, if it has any.
    pub(super) fn chaos(&self) -> Result<Option<Chaos>, Failure> {
        let Some(profile) = self.profile else { return Ok(None) };
        let mut spec = NemesisSpec { kinds: self.kinds.clone(), gap: self.gap, ..NemesisSpec::of(profile) };
        spec.keep_majority = self.keep_majority.unwrap_or(spec.keep_majority);
        spec.check().map_err(|error| Failure::Usage(format!("--nemesis-rate: {error}")))?;
        Ok(Some(Chaos { spec, quiet: self.quiet }))
    }
}

/// Returns the summary as JSON, with what random faults there were; `kinds` are those that could strike.
pub(super) fn summary_json(
    summary: &Summary,
    chaos: Option<&Chaos>,
    kinds: &[FaultKind],
) -> Result<String, serde_json::Error> {
    let mut json = serde_json::to_value(summary)?;
    let told = chaos.map(|chaos| Told {
        profile: chaos.spec.profile.row().word,
        kinds: kinds.iter().map(|kind| verb(*kind)).collect(),
        mean_gap_ms: chaos.spec.gap.as_millis() as u64,
        keep_majority: chaos.spec.keep_majority,
        quiet_ms: chaos.quiet.as_millis() as u64,
        commands: summary.nemesis_commands,
    });
    if let Some(fields) = json.as_object_mut() {
        fields.insert("nemesis".to_owned(), serde_json::to_value(told)?);
    }
    serde_json::to_string_pretty(&json)
}

/// Says in a line what a nemesis does.
pub(super) fn nemesis_words(chaos: &Chaos, kinds: &[FaultKind]) -> String {
    let kinds: Vec<_> = kinds.iter().map(|kind| verb(*kind)).collect();
    // Whole milliseconds: three in a second need no nanoseconds.
    let gap = humantime::format_duration(Duration::from_millis(chaos.spec.gap.as_millis() as u64));
    format!("{}: {}; one in {gap} on average", chaos.spec.profile.row().word, kinds.join(", "))
}

/// Lists the profiles.
pub(super) fn profiles_text() -> String {
    let rows = PROFILES.iter().map(|row| format!("  {:12} {}\n", row.word, row.about));
    format!("Profiles of random faults (`run --nemesis PROFILE`):\n{}", rows.collect::<String>())
}

fn verb(kind: FaultKind) -> &'static str {
    FAULTS.iter().find(|row| row.kind == kind).map_or("", |row| row.verb)
}

/// Reads the name of a profile.
pub(super) fn profile(text: &str) -> Result<Profile, String> {
    Profile::from_word(text).ok_or_else(|| unknown(text, PROFILES.iter().map(|row| row.word)))
}

fn kind(text: &str) -> Result<FaultKind, String> {
    let row = FAULTS.iter().find(|row| row.verb == text.trim());
    row.map(|row| row.kind).ok_or_else(|| unknown(text, FAULTS.iter().map(|row| row.verb)))
}

fn unknown(text: &str, known: impl Iterator<Item = &'static str>) -> String {
    let known: Vec<_> = known.collect();
    match did_you_mean(text, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are {}", known.join(", ")),
    }
}

/// Reads `1/2s` or `3/s` as the mean time between two strikes.
fn gap(text: &str) -> Result<Duration, String> {
    let parsed = text.split_once('/').and_then(|(count, time)| {
        let count: f64 = count.trim().parse().ok()?;
        let time = time.trim();
        // `3/s` is three a second.
        let one = if time.starts_with(|c: char| c.is_ascii_digit()) { String::new() } else { "1".to_owned() };
        let time = parse_duration(&(one + time))?;
        Duration::try_from_secs_f64(time.as_secs_f64() / count).ok().filter(|gap| !gap.is_zero())
    });
    parsed.ok_or_else(|| "write how many in which time, such as 1/2s or 3/s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_in_a_time() {
        assert_eq!(gap("1/2s"), Ok(Duration::from_secs(2)));
        assert_eq!(gap("3/s"), Ok(Duration::from_secs(1) / 3));
        assert_eq!(gap("0.5 / 100ms"), Ok(Duration::from_millis(200)));
        for wrong in ["2s", "0/1s", "-1/1s", "1/0s", "often", "nan/1s", "inf/1s", ""] {
            assert!(gap(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_flag_has_two_meanings() {
        <super::super::Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_word_that_is_no_profile_or_kind_is_told_with_the_nearest() {
        assert_eq!(profile("swarm"), Ok(Profile::Swarm));
        assert!(profile("swarn").is_err_and(|error| error.contains("`swarm`")));
        assert_eq!(kind("cut"), Ok(FaultKind::Cut));
        assert!(kind("frieze").is_err_and(|error| error.contains("`freeze`")));
    }
}
