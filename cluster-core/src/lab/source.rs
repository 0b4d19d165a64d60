//! `lab.toml` as it is written: every table and key, nothing else.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// Text with its place in the file.
pub(super) type Text = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LabFile {
    pub(super) format: Spanned<u32>,
    pub(super) id: Text,
    pub(super) version: Text,
    #[serde(default)]
    pub(super) uses: Vec<Text>,
    pub(super) level: Spanned<u8>,
    pub(super) minutes: Spanned<u32>,
    #[serde(default)]
    pub(super) seeds: Vec<Text>,
    #[serde(default)]
    pub(super) misconceptions: Vec<Text>,
    #[serde(default)]
    pub(super) after: Vec<Text>,
    pub(super) locales: Vec<Text>,
    #[serde(default)]
    pub(super) params: BTreeMap<Text, ParamFile>,
    pub(super) cluster: ClusterFile,
    #[serde(default)]
    pub(super) phase: Vec<PhaseFile>,
    #[serde(default)]
    pub(super) client: Vec<ClientFile>,
    pub(super) allow: AllowFile,
    pub(super) step: Vec<StepFile>,
    pub(super) goal: Vec<GoalFile>,
    #[serde(default)]
    pub(super) hint: Vec<HintFile>,
    #[serde(default)]
    pub(super) timeline: Vec<TimelineFile>,
    pub(super) script: Vec<ScriptFile>,
    pub(super) verify: VerifyFile,
    #[serde(default)]
    pub(super) score: ScoreFile,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum ParamFile {
    Pick(Spanned<Vec<String>>),
    Int(Spanned<(i64, i64)>),
    Shuffle(Spanned<Vec<String>>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClusterFile {
    pub(super) system: Text,
    pub(super) size: Spanned<u16>,
    pub(super) profile: Option<Text>,
    #[serde(default)]
    pub(super) config: BTreeMap<Text, Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PhaseFile {
    pub(super) id: Text,
    pub(super) system: Option<Text>,
    pub(super) size: Option<Spanned<u16>>,
    pub(super) link_delay: Option<Text>,
    #[serde(default)]
    pub(super) config: BTreeMap<Text, Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientFile {
    pub(super) id: Text,
    pub(super) asks: Option<Text>,
    pub(super) timeout: Option<Text>,
    pub(super) retries: Option<u32>,
    pub(super) rate: Option<Spanned<f64>>,
    pub(super) think: Option<Text>,
    pub(super) reads: Option<Spanned<f64>>,
    pub(super) keys: Option<Spanned<u32>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AllowFile {
    pub(super) verbs: Vec<Text>,
    pub(super) max_faults: Option<Spanned<u32>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepFile {
    pub(super) id: Text,
    pub(super) kind: Spanned<KindFile>,
    pub(super) text: Text,
    pub(super) phase: Option<Text>,
    #[serde(default)]
    pub(super) ask: Vec<AskFile>,
    pub(super) min_words: Option<Spanned<u32>>,
    pub(super) source: Option<Text>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KindFile {
    Predict,
    Do,
    Observe,
    Reflect,
    Read,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AskFile {
    pub(super) id: Text,
    pub(super) options: Spanned<Vec<Text>>,
    pub(super) answer: Option<Text>,
    pub(super) answer_expr: Option<Text>,
    #[serde(default)]
    pub(super) misconception: BTreeMap<Text, Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GoalFile {
    pub(super) id: Text,
    pub(super) phase: Option<Text>,
    pub(super) points: Option<u32>,
    #[serde(default)]
    pub(super) optional: bool,
    pub(super) reach: Option<Text>,
    pub(super) hold: Option<Text>,
    pub(super) never: Option<Text>,
    pub(super) measure: Option<Text>,
    pub(super) sequence: Option<Spanned<Vec<MomentFile>>>,
    pub(super) respond: Option<Spanned<Vec<MomentFile>>>,
    pub(super) witness: Option<Text>,
    #[serde(rename = "for")]
    pub(super) for_: Option<Text>,
    pub(super) within: Option<Text>,
    pub(super) times: Option<Spanned<u32>>,
    pub(super) min_triggers: Option<Spanned<u32>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MomentFile {
    pub(super) event: Option<Text>,
    #[serde(rename = "as")]
    pub(super) as_: Option<Text>,
    #[serde(rename = "where")]
    pub(super) where_: Option<Text>,
    pub(super) state: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HintFile {
    pub(super) goal: Text,
    pub(super) after: Option<Text>,
    pub(super) when: Option<Text>,
    pub(super) levels: Spanned<Vec<LevelFile>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LevelFile {
    pub(super) text: Text,
    #[serde(default)]
    pub(super) highlight: Vec<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimelineFile {
    pub(super) at: Text,
    pub(super) phase: Option<Text>,
    #[serde(rename = "do")]
    pub(super) do_: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScriptFile {
    pub(super) name: Text,
    pub(super) expect: Spanned<ExpectFile>,
    pub(super) blocked_at: Option<Text>,
    pub(super) actions: Spanned<Vec<Spanned<ActionFile>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ExpectFile {
    Pass,
    Fail,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionFile {
    #[serde(rename = "do")]
    pub(super) do_: Option<Text>,
    pub(super) wait: Option<Text>,
    pub(super) timeout: Option<Text>,
    pub(super) bind: Option<Text>,
    pub(super) node: Option<Text>,
    pub(super) phase: Option<Text>,
    pub(super) predict: Option<Text>,
    pub(super) observe: Option<Text>,
    pub(super) choose: Option<Text>,
    pub(super) reflect: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyFile {
    pub(super) runs: Spanned<u32>,
    pub(super) limit: Text,
    pub(super) profiles: Option<Vec<Text>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ScoreFile {
    pub(super) goals: u32,
    pub(super) observe: u32,
    pub(super) reflect: u32,
}

impl Default for ScoreFile {
    fn default() -> Self {
        Self { goals: 70, observe: 20, reflect: 10 }
    }
}
