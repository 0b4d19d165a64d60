//! Hints as they are written; they help with goals that there are, and point at what the window can show.

use super::{
    build::Builder,
    expr::Wanted,
    model::{Hint, Lab},
    source::{HintFile, LabFile, LevelFile, Text},
};

/// Reads all hints.
pub(super) fn hints(builder: &mut Builder<'_>, file: &LabFile, lab: &Lab) -> Vec<Hint> {
    file.hint.iter().map(|hint| one(builder, hint, file, lab)).collect()
}

fn one(builder: &mut Builder<'_>, hint: &HintFile, file: &LabFile, lab: &Lab) -> Hint {
    let key = format!("hint.{}", hint.goal.get_ref());
    if !file.goal.iter().any(|goal| goal.id.get_ref() == hint.goal.get_ref()) {
        builder.unknown(&hint.goal, "hint.goal", "goal", file.goal.iter().map(|goal| goal.id.get_ref().as_str()));
    }
    if hint.levels.get_ref().is_empty() || hint.levels.get_ref().len() > 3 {
        builder.wrong(hint.levels.span(), &key, "a hint has one to three levels");
    }
    let level = |builder: &mut Builder<'_>, level: &LevelFile| {
        level.highlight.iter().for_each(|at| highlight(builder, at, &key, lab));
        let at = level.highlight.iter().map(|at| at.get_ref().clone()).collect();
        (builder.anchored(&level.text, &format!("{key}.levels.text"), lab), at)
    };
    Hint {
        goal: hint.goal.get_ref().clone(),
        after: hint
            .after
            .as_ref()
            .map_or(std::time::Duration::ZERO, |after| builder.duration(after, &format!("{key}.after"))),
        when: hint.when.as_ref().and_then(|when| builder.expr(when, Wanted::Truth, &[], &format!("{key}.when"))),
        levels: hint.levels.get_ref().iter().map(|it| level(builder, it)).collect(),
    }
}

/// Checks that there is what a hint points at, in some phase at least.
fn highlight(builder: &mut Builder<'_>, at: &Text, key: &str, lab: &Lab) {
    const ROLES: [&str; 7] = ["leader", "primary", "follower", "followers", "backup", "all", "@leader"];
    let sizes = lab.phases.iter().filter_map(|phase| phase.size).map(usize::from);
    let most = sizes.chain([lab.cluster.nodes.len()]).max().unwrap_or(0);
    let node =
        |word: &str| word.strip_prefix('n').and_then(|it| it.parse().ok()).is_some_and(|it| (1..=most).contains(&it));
    let client = |word: &str| lab.cluster.clients.iter().any(|client| client.id.to_string() == word);
    let end = |word: &str| node(word.trim()) || client(word.trim());
    let is_there = match at.get_ref().split_once(':') {
        Some(("role", role)) => ROLES.contains(&role),
        Some(("node", word)) => node(word),
        Some(("client", word)) => client(word),
        Some(("link", word)) => {
            let ends = word.split_once("->").or_else(|| word.split_once('-'));
            ends.is_some_and(|(from, to)| end(from) && end(to))
        }
        Some(_) | None => false,
    };
    if !is_there {
        let clients: Vec<String> = lab.cluster.clients.iter().map(|client| format!("client:{}", client.id)).collect();
        let problem = format!(
            "`{}` points at nothing of this lab; there are role:leader, role:follower, node:n1 to node:n{most}, {}{}link:n1-n2",
            at.get_ref(),
            clients.join(", "),
            if clients.is_empty() { "" } else { ", " },
        );
        builder.wrong(at.span(), &format!("{key}.highlight"), problem);
    }
}
