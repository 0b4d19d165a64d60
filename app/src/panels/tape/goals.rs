//! Where the goals of the lab that is open were decided: a mark for each, with its title where there is room.

use cluster_core::{
    lab::{GoalState, Verdict},
    time::Timestamp,
};
use egui::{Align2, FontId, Painter, Pos2, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::geometry::Axis;
use crate::{
    action::Action,
    ctx::ViewCtx,
    guide::Lesson,
    theme::{SMALL_SIZE, SPACE, guide as look},
};

/// Shows them. What is not decided has no mark: marks are what the observer of the goals told.
pub(super) fn goals_ui(ui: &Ui, ctx: &ViewCtx<'_>, lesson: &Lesson, lane: Rect, axis: &Axis) {
    let painter = ui.painter_at(lane.expand2(vec2(look::MARK_PX, 1.0)));
    let goals: Vec<(GoalState, String)> =
        lesson.decided().into_iter().map(|goal| (goal.clone(), lesson.goal_title(&goal.id))).collect();
    let seen = |at: Timestamp| (axis.from..=axis.to).contains(&at.as_secs_f64());
    let mut marks: Vec<(f32, Timestamp, &GoalState, &str)> = goals
        .iter()
        .filter_map(|(goal, title)| Some((axis.x(goal.at?), goal.at?, goal, title.as_str())))
        .filter(|(_, at, ..)| seen(*at))
        .collect();
    marks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let wide = |title: &str| painter.layout_no_wrap(title.to_owned(), font(), ctx.theme.text).size().x;
    let ends: Vec<(f32, f32)> = marks.iter().map(|(x, _, _, title)| (*x, wide(title))).collect();
    for ((x, at, goal, title), titled) in marks.iter().zip(titled(&ends, (axis.left, axis.right))) {
        let center = pos2(*x, lane.center().y);
        paint_mark(&painter, ctx, center, goal.verdict);
        let aside = vec2(look::MARK_PX + 0.5 * SPACE, 0.0);
        match titled {
            Title::Right => drop(painter.text(center + aside, Align2::LEFT_CENTER, title, font(), ctx.theme.text)),
            Title::Left => drop(painter.text(center - aside, Align2::RIGHT_CENTER, title, font(), ctx.theme.text)),
            Title::None => {}
        }
        mark_ui(ui, ctx, center, *at, goal, title);
    }
}

fn mark_ui(ui: &Ui, ctx: &ViewCtx<'_>, center: Pos2, at: Timestamp, goal: &GoalState, title: &str) {
    let rect = Rect::from_center_size(center, vec2(2.5, 2.5) * look::MARK_PX);
    let response = ui.interact(rect, ui.scope_id().with(("goal", &goal.id)), Sense::click());
    let words = format!("{} “{title}” at {at}", verdict_word(goal.verdict));
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("goal mark, {words}")));
    if response.clicked() {
        ctx.act(Action::Seek(at));
    }
    response.on_hover_text(words);
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "Goal met:",
        Verdict::Violated => "Goal not met any more:",
        Verdict::Unknown => "Not enough to judge by:",
        Verdict::Pending => "Goal open:",
    }
}

fn font() -> FontId {
    FontId::proportional(SMALL_SIZE)
}

/// On which side of a mark its title stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Title {
    Right,
    Left,
    None,
}

/// Returns where each mark has room for its title: up to the next mark, or else back to what stands before it. Marks stand from
/// left to right, each with the width of its title.
fn titled(marks: &[(f32, f32)], (left, right): (f32, f32)) -> Vec<Title> {
    let mut taken = left;
    let place = |(at, (x, wide)): (usize, &(f32, f32))| {
        let needs = look::MARK_PX + SPACE + wide;
        let next = marks.get(at + 1).map_or(right, |(x, _)| x - look::MARK_PX);
        let title = match (x + needs <= next, x - needs >= taken) {
            (true, _) => Title::Right,
            (false, true) => Title::Left,
            (false, false) => Title::None,
        };
        taken = x + if title == Title::Right { needs } else { look::MARK_PX };
        title
    };
    marks.iter().enumerate().map(place).collect()
}

/// A disc with the sign of the verdict: the sign tells them apart, the color only helps.
fn paint_mark(painter: &Painter, ctx: &ViewCtx<'_>, at: Pos2, verdict: Verdict) {
    let theme = ctx.theme;
    let r = look::MARK_PX;
    let color = match verdict {
        Verdict::Met => theme.good,
        Verdict::Violated => theme.bad,
        Verdict::Unknown | Verdict::Pending => theme.warn,
    };
    painter.circle(at, r, color, Stroke::new(1.5, theme.surface));
    let stroke = Stroke::new(1.5, theme.surface);
    let line = |points: &[(f32, f32)]| {
        painter.line(points.iter().map(|(x, y)| at + vec2(*x, *y) * r).collect(), stroke);
    };
    match verdict {
        Verdict::Met => line(&[(-0.45, 0.0), (-0.1, 0.4), (0.5, -0.4)]),
        Verdict::Violated => {
            line(&[(-0.4, -0.4), (0.4, 0.4)]);
            line(&[(0.4, -0.4), (-0.4, 0.4)]);
        }
        Verdict::Unknown | Verdict::Pending => line(&[(-0.5, 0.0), (0.5, 0.0)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_written_only_where_it_runs_into_nothing() {
        let marks = [(10.0, 30.0), (32.0, 30.0), (110.0, 20.0), (200.0, 90.0)];
        let found = titled(&marks, (0.0, 260.0));
        assert_eq!(found, [Title::None, Title::Right, Title::Right, Title::None]);
        assert_eq!(titled(&[(60.0, 30.0), (90.0, 30.0)], (0.0, 300.0)), [Title::Left, Title::Right]);
        assert_eq!(titled(&marks[3..], (0.0, 400.0)), [Title::Right]);
    }
}
