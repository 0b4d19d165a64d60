//! What was broken when, as bars above a chart: spans that began and ended together are one bar.

use std::collections::{BTreeMap, BTreeSet};

use cluster_core::{
    event::EventKind,
    fault::{Ailment, LinkFault, LinkId},
    ids::{Endpoint, NodeId, Seq},
    trace::{Broken, Span, TraceStore},
};

use super::run_mark::RunMark;

/// Spans that begin (and end) within this many seconds of each other were one deed.
const TOGETHER_SECS: f64 = 0.05;
/// How many of a deed's spans are looked at to name it.
const NAMED_MAX: usize = 3;

/// Some things that were broken together.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultGroup {
    /// From when, in seconds.
    pub from: f64,
    /// Until when; `None` while it lasts.
    pub until: Option<f64>,
    /// What, in a few words: `n1 crashed`, `n1 → n2 cut`, `6 links cut`.
    pub label: String,
}

/// What is wrong in each span of a run: read once, because old events have to be unpacked.
#[derive(Default)]
pub struct FaultWords {
    run: RunMark,
    words: BTreeMap<Seq, &'static str>,
}

impl FaultWords {
    /// Returns what was broken in a run, in the order in which it broke.
    pub fn groups(&mut self, store: &TraceStore) -> Vec<FaultGroup> {
        if !self.run.is_of(store) {
            self.words.clear();
        }
        self.run.mark(store, store.len());
        let spans = &store.timeline().spans;
        for span in spans {
            let read = || store.event(span.seq).map_or("broken", |event| fault_word(&event.kind));
            self.words.entry(span.seq).or_insert_with(read);
        }
        group_spans(spans, |span| self.words.get(&span.seq).copied().unwrap_or("broken"))
    }
}

struct Draft {
    from: f64,
    until: Option<f64>,
    word: &'static str,
    nodes: Vec<NodeId>,
    links: Vec<LinkId>,
}

/// Joins spans that belong together; `word` says what is wrong in one of them.
pub fn group_spans(spans: &[Span], word: impl Fn(&Span) -> &'static str) -> Vec<FaultGroup> {
    let mut drafts: Vec<Draft> = Vec::new();
    for span in spans {
        let (from, until) = (span.from.as_secs_f64(), span.until.map(|until| until.as_secs_f64()));
        let word = word(span);
        let is_node = !matches!(span.what, Broken::Link(_));
        let fits = |draft: &&mut Draft| {
            draft.word == word && draft.links.is_empty() == is_node && ends_together(draft.until, until)
        };
        let recent = drafts.iter_mut().rev().take_while(|draft| from - draft.from <= TOGETHER_SECS);
        let draft = match recent.into_iter().find(fits) {
            Some(draft) => draft,
            None => {
                drafts.push(Draft { from, until, word, nodes: Vec::new(), links: Vec::new() });
                let last = drafts.len() - 1;
                &mut drafts[last]
            }
        };
        match span.what {
            Broken::Node(node) | Broken::Machine(node, _) => draft.nodes.push(node),
            Broken::Link(link) => draft.links.push(link),
        }
    }
    drafts.iter().map(|draft| FaultGroup { from: draft.from, until: draft.until, label: label(draft) }).collect()
}

fn ends_together(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= TOGETHER_SECS,
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn label(draft: &Draft) -> String {
    let word = draft.word;
    if draft.links.is_empty() {
        let names: BTreeSet<_> = draft.nodes.iter().collect();
        if names.len() > NAMED_MAX {
            return format!("{} nodes {word}", names.len());
        }
        let names: Vec<_> = names.into_iter().map(ToString::to_string).collect();
        return format!("{} {word}", names.join(", "));
    }
    let links: BTreeSet<_> = draft.links.iter().copied().collect();
    let first = draft.links[0];
    if links.len() == 1 {
        return format!("{} → {} {word}", first.0, first.1);
    }
    if links.len() == 2 && links.contains(&(first.1, first.0)) {
        return format!("{} ↔ {} {word}", first.0, first.1);
    }
    match [first.0, first.1].into_iter().find(|end| is_around(&links, *end)) {
        Some(end) if word == "cut" && both_ways(&links) => format!("{end} cut off"),
        Some(end) => format!("{} links of {end} {word}", links.len()),
        None => format!("{} links {word}", links.len()),
    }
}

fn is_around(links: &BTreeSet<LinkId>, end: Endpoint) -> bool {
    links.iter().all(|(from, to)| *from == end || *to == end)
}

fn both_ways(links: &BTreeSet<LinkId>) -> bool {
    links.iter().all(|(from, to)| links.contains(&(*to, *from)))
}

/// Returns what is wrong after the event by which something broke.
pub fn fault_word(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::NodeCrashed { .. } => "crashed",
        EventKind::NodeLostPower { .. } => "without power",
        EventKind::NodeStopped { .. } => "stopped",
        EventKind::NodeFroze { .. } => "frozen",
        EventKind::NodeFailed { .. } => "failed",
        EventKind::NodeFaultsChanged { part: Ailment::Cpu, .. } => "slowed down",
        EventKind::NodeFaultsChanged { part: Ailment::Clock, .. } => "with a wrong clock",
        EventKind::NodeFaultsChanged { part: Ailment::Disk, .. } => "on a sick disk",
        EventKind::ConnectionHalfOpened { .. } => "half-open",
        EventKind::LinkChanged { rules, .. } if rules.cut => "cut",
        EventKind::LinkChanged { rules, .. } => match &rules.parts()[..] {
            [LinkFault::Delay(_)] => "slow",
            [LinkFault::Loss(_) | LinkFault::Burst(_)] => "lossy",
            [LinkFault::Flap(_)] => "flapping",
            [LinkFault::Duplicate(_)] => "duplicating",
            [LinkFault::Reorder(_)] => "reordering",
            [LinkFault::Corrupt(_)] => "corrupting",
            [LinkFault::Bandwidth(_)] => "narrow",
            [LinkFault::SlowClose(_)] => "slow to close",
            [LinkFault::Delay(_), LinkFault::Loss(_)] => "slow and lossy",
            _ => "broken", // several things at once have no word of their own
        },
        // Spans begin with one of the kinds above; any other has no word of its own.
        _ => "broken",
    }
}

/// Writes a partition short: the last group is the rest if it is all there is besides the others.
pub fn partition_words(parts: &[Vec<Endpoint>], nodes: usize) -> String {
    let names = |part: &Vec<Endpoint>| part.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let named = parts.iter().flatten().filter(|end| end.node().is_some()).collect::<BTreeSet<_>>().len();
    let all_named = parts.len() > 1 && named >= nodes;
    let shown = if all_named { &parts[..parts.len() - 1] } else { parts };
    let groups: Vec<_> = shown.iter().map(names).chain(["rest".to_owned()]).collect();
    format!("Partition {}", groups.join(" | "))
}

/// A bar above a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultBar {
    /// Its left end.
    pub left: f32,
    /// Its right end.
    pub right: f32,
    /// Its lane, from 0 at the top.
    pub lane: usize,
    /// Where its label begins.
    pub text_x: f32,
    /// Its label.
    pub label: String,
}

/// The room between a bar's end and its label.
const PAD_PX: f32 = 4.0;
/// The narrowest bar: a fault of a millisecond must be seen.
const BAR_MIN_PX: f32 = 3.0;

/// Lays bars out in at most `lanes` lanes so that no label covers another. Returns them, and how many found no room.
pub fn layout_faults(
    groups: &[FaultGroup],
    x_of: impl Fn(f64) -> f32,
    (left, right): (f32, f32),
    lanes: usize,
    text_width: impl Fn(&str) -> f32,
) -> (Vec<FaultBar>, usize) {
    let mut ends = vec![f32::NEG_INFINITY; lanes];
    let (mut bars, mut hidden) = (Vec::new(), 0);
    for group in groups {
        let from = x_of(group.from);
        let until = group.until.map_or(right, &x_of);
        if until < left || from > right {
            continue;
        }
        let bar_left = from.max(left).min(right - BAR_MIN_PX);
        let bar_right = until.min(right).max(bar_left + BAR_MIN_PX);
        let width = text_width(&group.label);
        let text_x = (bar_left + PAD_PX).min(right - width - PAD_PX).max(left);
        let Some(lane) = ends.iter().position(|end| *end <= bar_left.min(text_x)) else {
            hidden += 1;
            continue;
        };
        ends[lane] = bar_right.max(text_x + width) + PAD_PX;
        bars.push(FaultBar { left: bar_left, right: bar_right, lane, text_x, label: group.label.clone() });
    }
    (bars, hidden)
}

/// Returns the stretches in which anything was broken, joined, so that shades do not pile up.
pub fn broken_stretches(groups: &[FaultGroup], end: f64) -> Vec<(f64, f64)> {
    let mut stretches: Vec<(f64, f64)> = Vec::new();
    for group in groups {
        let until = group.until.unwrap_or(end).max(group.from);
        match stretches.last_mut() {
            Some(last) if group.from <= last.1 => last.1 = last.1.max(until),
            _ => stretches.push((group.from, until)),
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use cluster_core::time::Timestamp;

    use super::*;

    fn span(what: Broken, from: f64, until: Option<f64>) -> Span {
        let until = until.map(Timestamp::from_secs_f64);
        Span { what, from: Timestamp::from_secs_f64(from), until, seq: Seq(0) }
    }

    fn link(from: u16, to: u16) -> Broken {
        Broken::Link((NodeId(from).into(), NodeId(to).into()))
    }

    fn labels(spans: &[Span]) -> Vec<String> {
        let word = |span: &Span| if matches!(span.what, Broken::Node(_)) { "down" } else { "cut" };
        group_spans(spans, word).into_iter().map(|group| group.label).collect()
    }

    #[test]
    fn links_cut_together_are_one_bar_with_the_shortest_true_name() {
        let around = |node: u16| {
            let pairs =
                (1..=4).filter(move |other| *other != node).flat_map(move |other| [(node, other), (other, node)]);
            pairs.map(|(a, b)| span(link(a, b), 1.0, Some(3.0))).collect::<Vec<_>>()
        };
        assert_eq!(labels(&[span(link(1, 2), 1.0, None)]), ["n1 → n2 cut"]);
        assert_eq!(labels(&[span(link(1, 2), 1.0, None), span(link(2, 1), 1.0, None)]), ["n1 ↔ n2 cut"]);
        assert_eq!(labels(&around(3)), ["n3 cut off"]);
        let apart = [span(link(1, 3), 1.0, None), span(link(2, 4), 1.0, None), span(link(2, 3), 1.0, None)];
        assert_eq!(labels(&apart), ["3 links cut"]);
    }

    #[test]
    fn faults_that_end_at_different_times_are_different_bars() {
        let spans = [span(Broken::Node(NodeId(1)), 1.0, Some(2.0)), span(Broken::Node(NodeId(2)), 1.0, None)];
        assert_eq!(labels(&spans), ["n1 down", "n2 down"]);
        let spans = [span(Broken::Node(NodeId(1)), 1.0, None), span(Broken::Node(NodeId(2)), 1.0, None)];
        assert_eq!(labels(&spans), ["n1, n2 down"]);
    }

    #[test]
    fn a_partition_is_written_by_its_smaller_part() {
        let ends = |nodes: &[u16]| nodes.iter().map(|node| Endpoint::from(NodeId(*node))).collect::<Vec<_>>();
        assert_eq!(partition_words(&[ends(&[4])], 5), "Partition n4 | rest");
        assert_eq!(partition_words(&[ends(&[1, 5]), ends(&[2, 3, 4])], 5), "Partition n1 n5 | rest");
        assert_eq!(partition_words(&[ends(&[1]), ends(&[2])], 5), "Partition n1 | n2 | rest");
    }

    #[test]
    fn labels_never_cover_each_other_and_what_has_no_room_is_counted() {
        let group = |from: f64| FaultGroup { from, until: Some(from + 1.0), label: "x".into() };
        let groups: Vec<_> = (0..4).map(|n| group(f64::from(n))).collect();
        let (bars, hidden) = layout_faults(&groups, |secs| secs as f32 * 10.0, (0.0, 100.0), 2, |_| 30.0);
        assert_eq!(bars.iter().map(|bar| bar.lane).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(hidden, 2);
    }

    #[test]
    fn a_label_at_the_right_edge_moves_left_until_it_is_seen() {
        let groups = [FaultGroup { from: 9.5, until: None, label: "n1 crashed".into() }];
        let (bars, _) = layout_faults(&groups, |secs| secs as f32 * 10.0, (0.0, 100.0), 2, |_| 50.0);
        assert!(bars[0].text_x + 50.0 <= 100.0);
    }

    #[test]
    fn overlapping_faults_shade_the_chart_once() {
        let group = |from: f64, until| FaultGroup { from, until, label: String::new() };
        let groups = [group(1.0, Some(3.0)), group(2.0, Some(4.0)), group(6.0, None)];
        assert_eq!(broken_stretches(&groups, 9.0), [(1.0, 4.0), (6.0, 9.0)]);
    }
}
