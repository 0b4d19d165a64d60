//! What can be done with one message by hand, and what its bytes say; shared by picture, inspector, lists and keys.

use cluster_core::{
    command::Command,
    fault::ByHand,
    ids::{Endpoint, MsgId},
    name::Name,
    registry,
    trace::ClusterState,
    workload::wire,
};
use egui::Ui;

use crate::ctx::ViewCtx;

/// One thing that can be done with a message.
pub struct Verb {
    /// Its entry in menus.
    pub title: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// How its key is written.
    pub key: &'static str,
    /// What to ask for; or why it makes no sense.
    pub possible: Result<ByHand, &'static str>,
}

/// Returns what can be done with a message at this moment.
pub fn verbs(ctx: &ViewCtx<'_>, msg: MsgId) -> [Verb; 4] {
    let held = ctx.state.is_held(msg);
    let flight = ctx.state.flights.get(&msg);
    let on_link = flight.is_some_and(|flight| ctx.at < flight.due);
    let when = |fits: bool, what: ByHand, why: &'static str| match flight {
        None => Err("It is not under way any more"),
        Some(_) if fits => Ok(what),
        Some(_) => Err(why),
    };
    let hold = if held {
        ("Release", "It goes on: its receiver gets it.", ByHand::Release(msg))
    } else {
        ("Hold", "It waits in front of its receiver until you release it.", ByHand::Hold(msg))
    };
    let outside = "It is inside its connection; hold it first";
    let late = "It has left its link; nothing delays it but its receiver";
    [
        Verb { title: hold.0, about: hold.1, key: "M", possible: when(true, hold.2, "") },
        Verb { title: "Drop", about: "It never arrives.", key: "Del", possible: when(true, ByHand::Drop(msg), "") },
        Verb {
            title: "Duplicate",
            about: "It travels a second time.",
            key: "D",
            possible: when(held || on_link, ByHand::Duplicate(msg), outside),
        },
        Verb {
            title: "Deliver now",
            about: "It skips what is left of its delay, and overtakes those before it.",
            key: "J",
            possible: when(held || on_link, ByHand::DeliverNow(msg), late),
        },
    ]
}

/// A button for each verb; `name` tells whose they are to who does not see where they stand.
pub fn verbs_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, msg: MsgId, name: &str) {
    for verb in verbs(ctx, msg) {
        let possible = ctx.check(verb.possible.map(Command::Message));
        let button = ui.add_enabled(possible.is_ok(), egui::Button::new(egui::RichText::new(verb.title).small()));
        let label = format!("{} {name}", verb.title);
        button.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, possible.is_ok(), &label));
        match possible {
            Ok(command) => {
                if button.on_hover_text(crate::keys::hint(verb.about, verb.key)).clicked() {
                    ctx.command(command);
                }
            }
            Err(why) => drop(button.on_disabled_hover_text(why)),
        }
    }
}

/// Lists the fields of a message's bytes; `None` if they are cut short.
pub fn fields(ctx: &ViewCtx<'_>, (from, to): (Endpoint, Endpoint), payload: &[u8]) -> Option<Vec<(Name, String)>> {
    match (from, to) {
        (Endpoint::Client(_), _) => wire::request_fields(payload),
        (_, Endpoint::Client(_)) => wire::response_fields(payload),
        (Endpoint::Node(_), Endpoint::Node(_)) => {
            registry::protocol(&ctx.store.spec().protocol).and_then(|row| (row.fields)(payload))
        }
    }
}

/// Returns a message in words: `AppendEntries n1 to n3, m12`.
pub fn words(state: &ClusterState, msg: MsgId) -> String {
    state.flights.get(&msg).map_or_else(
        || msg.to_string(),
        |flight| format!("{} {} to {}, {msg}", flight.info.name, flight.from, flight.to),
    )
}
