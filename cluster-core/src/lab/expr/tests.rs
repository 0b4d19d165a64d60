//! What can be said, and what is refused before it runs.

use super::{vocabulary::OP, *};

fn read(text: &str) -> Result<Expr, ExprError> {
    Expr::new(text, Wanted::Truth, &[("w".to_owned(), Kind::Row(&OP)), ("L".to_owned(), Kind::Text)])
}

#[test]
fn what_the_goals_of_the_course_say_can_be_read() {
    for text in [
        "nodes.exists(a, a.leads && !a.quorum && nodes.exists(b, b.leads && b.quorum && b.epoch > a.epoch))",
        "ops.exists(o, o.f == \"put\" && o.result == \"ok\" && !o.quorum)",
        "alive == 2 && ops.filter(o, o.f == \"put\" && o.result == \"ok\" && o.invoked > last_act).size() >= 2",
        "unavailable >= 5 && size == 3",
        "elections.filter(e, e.at > time - 20.0).size() >= 5",
        "w.id in lost && lost.size() >= 1",
        "conflicts.exists(c, c.key == w.key) && knobs.exists(k, k.name == \"fencing\" && k.value == \"on\")",
        "failed_elections.filter(e, e.at > time - 20.0).size() >= 2 && steady < 15.0",
        "ops.exists(o, o.error == \"stale-epoch\" && !o.own) && acts.exists(a, a.kind == \"restart\" && a.wiped)",
        "nodes.exists(n, n.leads && n.id != L)",
        "nodes.map(n, n.epoch).exists(e, e > 3)",
        "ops.filter(o, o.f == \"increment\" && o.effects >= 2).size() >= 1 && drops.exists(d, d.dir == \"reply\")",
        "nodes.exists_one(n, n.role in [\"leader\", \"primary\"])",
    ] {
        assert!(read(text).is_ok(), "{text}: {:?}", read(text).err());
    }
}

#[test]
fn an_unknown_name_a_wrong_field_and_mixed_types_are_refused_where_they_stand() {
    let refused = |text: &str| read(text).err().map(|error| (error.at, error.problem)).unwrap_or_default();
    for (text, word, why) in [
        ("leader_s.size() > 1", "leader_s", "did you mean `leaders`"),
        ("nodes.exists(n, n.up && n.colour == \"red\")", "n.colour", "one node has no `colour`"),
        ("nodes.exists(n, n.epoch == \"3\")", "n.epoch == \"3\"", "never equal"),
        ("w.quroum", "w.quroum", "did you mean `quorum`"),
        ("leaders.size()", "leaders.size()", "compare it with something"),
        ("time - 1 > 2.0", "time - 1", "cannot be mixed"),
        ("nodes.up", "nodes.up", "has no field"),
        ("leaders.matches(\"x\")", "leaders", "means nothing"),
    ] {
        let (at, problem) = refused(text);
        assert!(problem.contains(why), "{text}: {problem}");
        // The parser places an operator or a field at its sign, and what it stands for begins before.
        let begins = text.find(word).unwrap_or(0);
        assert!((begins..=text.len()).contains(&at), "{text}: {at}");
    }
}

#[test]
fn what_would_take_too_long_is_refused() {
    let problem =
        read("ops.exists(a, ops.exists(b, a.key == b.key && a.id != b.id))").map(|_| ()).map_err(|it| it.problem);
    assert!(problem.as_ref().is_err_and(|it| it.contains("too long")), "{problem:?}");
    let deep = format!("{}true{}", "(".repeat(40), ")".repeat(40));
    assert!(read(&deep).is_err());
    assert!(read(&"x".repeat(2000)).is_err());
}

/// Counts what its author wrote, not what a macro becomes.
#[test]
fn an_expression_has_at_most_64_parts_and_6_levels() {
    let size = |text: &str| read(text).map(|expr| Size::of(expr.program.expression())).map_err(|error| error.problem);
    for (text, parts, depth) in [
        ("leader != \"\"", 3, 1),
        ("w.quorum", 1, 0),
        ("w.quorum && alive > 2 && size == 3", 9, 2),
        ("nodes.exists(n, n.leads)", 3, 1),
        ("nodes.all(n, n.leads && n.epoch > 1)", 7, 3),
        ("nodes.exists_one(n, n.role in [\"leader\", \"primary\"])", 7, 3),
        ("nodes.filter(n, n.leads).size() >= 1", 6, 2),
        ("nodes.map(n, n.epoch).exists(e, e > 3)", 7, 2),
        ("nodes.map(n, n.up, n.epoch).size() > 1", 7, 2),
    ] {
        assert_eq!(size(text), Ok(Size { parts, depth }), "{text}");
    }
    let joined = |times: usize| vec!["size == 3"; times].join(" && ");
    assert!(read(&joined(16)).is_ok());
    let problem = size(&joined(17)).err().unwrap_or_default();
    assert!(problem.contains("67 parts, and 64 is the most") && problem.contains("two goals"), "{problem}");
    let nested = |times: usize| format!("{}size{} > 0", "1 + (".repeat(times), ")".repeat(times));
    assert!(read(&nested(5)).is_ok());
    let problem = size(&nested(6)).err().unwrap_or_default();
    assert!(problem.contains("nested 7 deep, and 6 is the most"), "{problem}");
}

/// Nothing in the language goes round and round but lists, and how far those go is known before.
#[test]
fn what_never_ends_cannot_be_said() {
    for (text, why) in [
        ("ops.exists(a, ops.exists(b, ops.exists(c, a.id + b.id == c.id)))", "may take too long"),
        ("ops.map(a, ops.map(b, ops)).size() > 1", "may take too long"),
        ("while(true)", "reserved identifier"),
        ("leader.matches(\"(a+)+$\")", "means nothing"),
        ("[1].map(x, x).map(x, [x, x]).map(x, x + x).exists(l, l.size() == 0) && has(w.key)", "has() is not needed"),
    ] {
        let problem = read(text).err().map(|error| error.problem).unwrap_or_default();
        assert!(problem.contains(why), "{text}: {problem}");
    }
}

#[test]
fn rows_are_compared_field_by_field() {
    let mut context = Context::default();
    let cells = |id: i64, quorum: bool| {
        let mut cells =
            vec![Cell::Int(id), "c1".into(), "put".into(), "x".into(), "1".into(), "n1".into(), "ok".into()];
        cells.extend([quorum.into(), false.into(), Cell::Int(2), Cell::Int(1), 1.5.into(), 2.0.into()]);
        cells.extend(["".into(), false.into()]);
        cells
    };
    let rows = [(1, true), (2, false)].map(|(id, quorum)| Row::new(&OP, &cells(id, quorum)));
    let rows: Vec<Box<dyn cel::common::value::Val>> = rows.iter().map(|row| Box::new(row.clone()) as _).collect();
    context.add_variable_as_val("ops", Box::new(cel::common::types::CelList::from(rows)));
    let holds = |text: &str| read(text).ok().and_then(|expr| expr.holds(&context));
    assert_eq!(holds("ops.exists(o, o.result == \"ok\" && !o.quorum && o.id == 2)"), Some(true));
    assert_eq!(holds("ops.all(o, o.quorum)"), Some(false));
    assert_eq!(holds("ops.filter(o, o.invoked >= 1 && o.invoked < 2.0).size() == 2"), Some(true));
    assert_eq!(holds("ops[7].id == 1"), None);
}
